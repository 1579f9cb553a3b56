"""Rehearsal: at home, what Kaggle does: only kernel.py, attached inputs, a fresh environment, no network.

Guarantees: the kernel under rehearsal sees nothing of this checkout; the gateway is another process
than the server, as in a scoring run; a submission that is incomplete, or a limit that is passed, is
a failure. The competition's package is a stand-in (`stubs/`), and says so.
"""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from aimo_solver.errors import InputError
from aimo_solver.kaggle import stubs
from aimo_solver.kaggle.contests import Contest
from aimo_solver.kaggle.gateways.inference_server import RERUN_VARIABLE
from aimo_solver.kaggle.gateways.local_gateway import play_at
from aimo_solver.kaggle.inputs import INPUTS_VARIABLE
from aimo_solver.kaggle.stubs.inference_server import SOCKET_VARIABLE
from aimo_solver.kaggle.wheels import LOCK
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.utils.files import read_text
from aimo_solver.utils.log import Log

STUBS: Final = Path(stubs.__file__).parent
MILESTONES: Final = {"  wheels installed after": "installed after", "  engine loaded after": "engine loaded"}
"""Of the kernel's own lines."""
END_SECONDS: Final = 20.0
"""In which a kernel that is told to end must have ended its engine."""
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "OMP_NUM_THREADS")
"""Of this process's environment; Kaggle's has nothing else of ours either."""
_BRING_LOOPBACK_UP: Final = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
    fcntl.ioctl(plug, 0x8914, struct.pack("16sh", b"lo", 1))
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPlan:
    """What is rehearsed."""

    contest: Contest
    problems: ProblemSet
    model: Path
    kernel: Path
    wheels: Path | None
    """A folder that `aimo package wheels` made; None: this environment, nothing is installed."""
    arguments: tuple[str, ...] = ()
    """For the kernel, as a competitor writes them into it."""
    scored: bool = True
    limit_seconds: float = 3600.0


@dataclass(slots=True)
class RehearsalResult:
    """How it went: seconds a step, in order, and the answers."""

    seconds: dict[str, float] = field(default_factory=dict)
    network: str = ""
    answers: dict[str, int] = field(default_factory=dict)

    def milestones(self, log: Log) -> Log:
        """A log that also notes when the kernel had come so far."""
        begun = time.monotonic()

        def note(line: str) -> None:
            for name, text in MILESTONES.items():
                if text in line:
                    self.seconds[name] = time.monotonic() - begun
            log(line)

        return note

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - begun


def rehearse(plan: RehearsalPlan, root: Path, log: Log) -> RehearsalResult:
    """Runs it in `root`, an empty folder. Raises InputError for everything that would have cost the submission."""
    root, rehearsal = root.resolve(), RehearsalResult()
    with rehearsal.step("lay out inputs"):
        working = _lay_out(plan, root)
    with rehearsal.step("make the environment"):
        python = _python(plan, root)
    prefix, rehearsal.network = _without_network()
    log(f"network: {rehearsal.network}")
    with rehearsal.step("run kernel.py"):
        _run(plan, [*prefix, str(python), "kernel.py"], working, root, rehearsal.milestones(log))
    with rehearsal.step("check the submission"):
        rehearsal.answers = _checked_submission(plan, working)
    return rehearsal


def _lay_out(plan: RehearsalPlan, root: Path) -> Path:
    """Kaggle's folders; the working folder, with nothing but kernel.py in it."""
    text = read_text(plan.kernel, "kernel.py")
    if plan.wheels is not None and not (plan.wheels / LOCK).is_file():
        raise InputError(f"{plan.wheels}: has no {LOCK}; make it with aimo package wheels")
    if root.exists() and any(root.iterdir()):
        raise InputError(f"{root}: must be empty, as a Kaggle session's folder is; name another")
    competition = root / "input/competitions" / plan.contest.slug
    competition.mkdir(parents=True)
    with (competition / "test.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "problem"), *((one.id, one.text) for one in plan.problems.problems)])
    if plan.contest.server is None:
        _copy(STUBS / "iterator.py", competition / "aimo/__init__.py")
    else:
        package, module = plan.contest.server[0].split(".")
        _copy(STUBS / "__init__.py", competition / package / "__init__.py")
        _copy(STUBS / "inference_server.py", competition / package / f"{module}.py")
    model = root / "input/models/rehearsal/model/transformers/default/1"
    model.parent.mkdir(parents=True)
    model.symlink_to(plan.model.resolve(), target_is_directory=True)
    if plan.wheels is not None:
        place = root / "input/datasets/rehearsal/aimo-wheels"
        place.parent.mkdir(parents=True)
        place.symlink_to(plan.wheels.resolve(), target_is_directory=True)
    working = root / "working"
    working.mkdir()
    if plan.arguments:
        text = text.replace("ARGUMENTS: list[str] = []", f"ARGUMENTS: list[str] = {list(plan.arguments)!r}")
    (working / "kernel.py").write_text(text, encoding="utf-8")
    return working


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _python(plan: RehearsalPlan, root: Path) -> Path:
    if plan.wheels is None:
        return Path(sys.executable)
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(root / "environment")], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise InputError(f"{sys.executable} cannot make an environment: {done.stderr.strip() or done.stdout.strip()}")
    return root / "environment/bin/python"


def _without_network() -> tuple[list[str], str]:
    """A command's beginning that takes the network from it, and whether this machine allows that."""
    unshare = shutil.which("unshare")
    options = ["--net"] if os.getuid() == 0 else ["--map-root-user", "--net"]
    if unshare is None or subprocess.run([unshare, *options, "true"], check=False, capture_output=True).returncode:
        return [], "on: this machine allows no network namespace"
    return [unshare, *options, sys.executable, "-c", _BRING_LOOPBACK_UP], "off: a namespace with the loopback only"


def _run(plan: RehearsalPlan, command: list[str], working: Path, root: Path, log: Log) -> None:
    """The kernel beside its gateway, inside the limit."""
    socket = Path(tempfile.mkdtemp(prefix="aimo-gateway-"), "socket")  # A socket's path may not be long.
    process = subprocess.Popen(
        command,
        cwd=working,
        env=_environment(plan, root, socket),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    timer = threading.Timer(plan.limit_seconds, _end, (process,))
    timer.start()
    begun = time.monotonic()
    faults: list[str] = []
    gateway = None
    if plan.scored and plan.contest.server is not None:
        gateway = threading.Thread(target=_play, args=(plan, socket, working, faults), daemon=True)
        gateway.start()
    try:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                log(line.rstrip())
        code = process.wait()
    finally:
        timer.cancel()
        _end(process)
        shutil.rmtree(socket.parent, ignore_errors=True)
    if time.monotonic() - begun >= plan.limit_seconds:
        raise InputError(f"the limit of {plan.limit_seconds:g} s was over; raise it, or make the run shorter")
    if code:
        raise InputError(f"kernel.py ended with exit code {code}; its last lines are above")
    if gateway is not None:
        gateway.join(timeout=30)
    if faults:
        raise InputError(f"the gateway refused: {faults[0]}")


def _end(process: subprocess.Popen[str]) -> None:
    """The kernel and whatever it left that holds its output: politely, then for good."""
    for kind, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, 0.0)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


def _play(plan: RehearsalPlan, socket: Path, working: Path, faults: list[str]) -> None:
    """The gateway's side. It writes the submission, as Kaggle's does."""
    try:
        play_at(socket, plan.problems, plan.contest.rule, working / "submission.parquet")
    except (InputError, OSError, EOFError) as error:
        faults.append(str(error) or type(error).__name__)


def _environment(plan: RehearsalPlan, root: Path, socket: Path) -> Mapping[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    own = {INPUTS_VARIABLE: str(root / "input"), SOCKET_VARIABLE: str(socket), "PYTHONUNBUFFERED": "1"}
    return passed_on | own | ({RERUN_VARIABLE: "1"} if plan.scored else {})


def _checked_submission(plan: RehearsalPlan, working: Path) -> dict[str, int]:
    names = ("submission.parquet", "submission.csv")
    path = next((working / name for name in names if (working / name).is_file()), None)
    if path is None:
        raise InputError(f"{working}: kernel.py left no submission")
    frame = (
        pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, schema_overrides={"id": pl.String})
    )
    answers = dict(frame.select("id", "answer").rows())
    solved = sum(len(file.read_text(encoding="utf-8").splitlines()) - 1 for file in working.glob("runs/*/answers.csv"))
    if (working / "runs").is_dir() and solved < len(plan.problems.problems):
        raise InputError(f"{working}/runs: the solver itself answered {solved} of {len(answers)}; its log.txt says why")
    missing = [problem.id for problem in plan.problems.problems if problem.id not in answers]
    outside = [id for id, answer in answers.items() if plan.contest.rule.apply(answer) != answer]
    if missing or outside or len(answers) != len(frame):
        raise InputError(
            f"{path}: lacks {missing[:3]}, or holds answers that {plan.contest.name} refuses {outside[:3]}"
        )
    return answers
