"""Rehearsal: runs a kernel as Kaggle does, with its one file, attached inputs, a new environment and no network.

Guarantees: the kernel sees nothing of this checkout; the gateway and the server are separate
processes, as in a scoring run; an incomplete submission or an exceeded limit is a failure. The
competition's package is a stub (`stubs/`), not Kaggle's. A notebook's cells run in order in one
namespace (`notebook_runner.py`); Jupyter itself is not needed.
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
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from aimo_solver.config.contest import Contest, shipped_contests
from aimo_solver.errors import InputError
from aimo_solver.kaggle import notebook_runner, stubs
from aimo_solver.kaggle.damaged_files import check_files
from aimo_solver.kaggle.gateways.inference_server import RERUN_VARIABLE
from aimo_solver.kaggle.gateways.local_gateway import ask_server
from aimo_solver.kaggle.inputs import INPUTS_VARIABLE
from aimo_solver.kaggle.notebook import SUFFIX, notebook_faults, read_notebook, with_arguments
from aimo_solver.kaggle.rehearsal_result import RehearsalResult
from aimo_solver.kaggle.stubs.inference_server import ADDRESS_VARIABLE, stub_server, write_contest
from aimo_solver.kaggle.wheels import LOCK
from aimo_solver.problems.problem import rule_of
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.runs.reader import ANSWERS_FILE, read_answers
from aimo_solver.utils.files import read_text
from aimo_solver.utils.log import Log

STUBS: Final = Path(stubs.__file__).parent
END_SECONDS: Final = 20.0
"""Time for a kernel that is asked to end to stop its engine."""
JOIN_SECONDS: Final = 30.0
IMAGE_PACKAGES: Final = frozenset(
    """
    annotated-types grpcio numpy pandas polars polars-runtime-32 protobuf pyarrow pydantic pydantic-core python-dateutil
    six tomli-w typing-extensions typing-inspection tzdata
    """.split()
)
"""Of the wheels, those that a contest's server needs: they are in the environment from the start, as in Kaggle's
image, so that the server is up before the others are installed."""
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "OMP_NUM_THREADS")
"""Variables that the kernel inherits; Kaggle has nothing else of this environment either."""
_BRING_LOOPBACK_UP: Final = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
    fcntl.ioctl(plug, 0x8914, struct.pack("16sh", b"lo", 1))
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPlan:
    """What to rehearse."""

    contest: Contest
    problems: ProblemSet
    model: Path
    kernel: Path
    wheels: Path | None
    """A folder made by `aimo package wheels`; None means that this environment is used and nothing is installed."""
    arguments: tuple[str, ...] = ()
    """Options for the kernel, as a competitor writes them into it."""
    scored: bool = True
    limit_seconds: float = 3600.0

    @property
    def code_name(self) -> str:
        """The kernel's file in the session."""
        return f"kernel{SUFFIX}" if self.kernel.suffix == SUFFIX else "kernel.py"

    def command(self, python: Path) -> list[str]:
        """The command that runs the kernel in its working folder."""
        if self.kernel.suffix != SUFFIX:
            return [str(python), self.code_name]
        return [str(python), "-c", Path(notebook_runner.__file__).read_text(encoding="utf-8"), self.code_name]


def rehearse(plan: RehearsalPlan, root: Path, log: Log) -> RehearsalResult:
    """Runs the plan in `root`, an empty folder. Raises InputError for whatever would have cost the submission."""
    root, result = root.resolve(), RehearsalResult()
    plan = _with_contest_named(plan, root)
    with result.step("lay out inputs"):
        working = _lay_out(plan, root)
    with result.step("make the environment"):
        python = _make_environment(plan, root)
    prefix, result.network = _without_network()
    log(f"network: {result.network}")
    with result.step(f"run {plan.code_name}"):
        _run(plan, [*prefix, *plan.command(python)], root=root, log=result.noting_milestones(log))
    with result.step("check the submission"):
        result.answers = _check_submission(plan, working)
    return result


def _lay_out(plan: RehearsalPlan, root: Path) -> Path:
    """Makes Kaggle's folders. Returns the working folder, which holds only the kernel."""
    text = _kernel_text(plan)
    if plan.wheels is not None and not (plan.wheels / LOCK).is_file():
        raise InputError(f"{plan.wheels}: has no {LOCK}; create it with `aimo package wheels`")
    if plan.wheels is not None:
        check_files(plan.wheels)
    if root.exists() and any(root.iterdir()):
        raise InputError(f"{root}: must be empty, as a Kaggle session's folder is; name another")
    _lay_out_competition(plan, root / "input/competitions" / plan.contest.slug)
    if plan.contest not in shipped_contests():
        write_contest(plan.contest, _contest_file(plan, root))
    _link(plan.model, root / "input/models/rehearsal/model/transformers/default/1")
    if plan.wheels is not None:
        _link(plan.wheels, root / "input/datasets/rehearsal/aimo-wheels")
    working = root / "working"
    working.mkdir()
    (working / plan.code_name).write_text(text, encoding="utf-8")
    return working


def _kernel_text(plan: RehearsalPlan) -> str:
    """Returns the kernel with the plan's options. Raises InputError for a notebook that Kaggle could not run."""
    text = read_text(plan.kernel, "kernel.py")
    if plan.kernel.suffix == SUFFIX:
        notebook = read_notebook(text)
        faults = ["must be a notebook"] if notebook is None else notebook_faults(notebook)
        if faults:
            raise InputError(f"{plan.kernel}: " + "; ".join(faults))
    return with_arguments(text, plan.arguments) if plan.arguments else text


def _with_contest_named(plan: RehearsalPlan, root: Path) -> RehearsalPlan:
    """Returns the plan whose kernel is given the file of a contest that is not shipped."""
    if plan.contest in shipped_contests():
        return plan
    return replace(plan, arguments=(*plan.arguments, "--contest", str(_contest_file(plan, root))))


def _contest_file(plan: RehearsalPlan, root: Path) -> Path:
    return root / f"input/datasets/rehearsal/contest/{plan.contest.name}.toml"


def _lay_out_competition(plan: RehearsalPlan, folder: Path) -> None:
    folder.mkdir(parents=True)
    with (folder / "test.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "problem"), *((one.id, one.text) for one in plan.problems.problems)])
    if plan.contest.iterator is not None:
        _copy(STUBS / "iterator.py", folder / plan.contest.iterator.module / "__init__.py")
    if plan.contest.server is not None:
        stub_server(plan.contest, plan.contest.server, folder)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _link(folder: Path, place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.symlink_to(folder.resolve(), target_is_directory=True)


def _make_environment(plan: RehearsalPlan, root: Path) -> Path:
    """Returns the Python to run: of a new environment if there are wheels to install, else this one."""
    if plan.wheels is None:
        return Path(sys.executable)
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(root / "environment")], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise InputError(f"{sys.executable} cannot create an environment: {done.stderr.strip() or done.stdout.strip()}")
    python = root / "environment/bin/python"
    image = [str(wheel) for wheel in plan.wheels.glob("*.whl") if _distribution(wheel) in IMAGE_PACKAGES]
    if image:
        command = [str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", *image]
        subprocess.run(command, check=True)
    return python


def _distribution(wheel: Path) -> str:
    """Returns the name of the wheel's project."""
    return wheel.name.partition("-")[0].lower().replace("_", "-")


def _without_network() -> tuple[list[str], str]:
    """Returns a prefix that runs a command without network, and whether this machine allows that, in words."""
    unshare = shutil.which("unshare")
    options = ["--net"] if os.getuid() == 0 else ["--map-root-user", "--net"]
    if unshare is None or subprocess.run([unshare, *options, "true"], check=False, capture_output=True).returncode:
        return [], "on: this machine does not allow network namespaces"
    return [unshare, *options, sys.executable, "-c", _BRING_LOOPBACK_UP], "off: a namespace with the loopback only"


def _run(plan: RehearsalPlan, command: list[str], *, root: Path, log: Log) -> None:
    """Runs the kernel beside its gateway, within the limit."""
    working = root / "working"
    socket = Path(tempfile.mkdtemp(prefix="aimo-gateway-"), "socket")  # The path of a socket must be short.
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
    started_at = time.monotonic()
    faults: list[str] = []
    gateway = None
    if plan.scored and plan.contest.server is not None:
        gateway = threading.Thread(target=_run_gateway, args=(plan, process, socket, working, faults), daemon=True)
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
    if time.monotonic() - started_at >= plan.limit_seconds:
        raise InputError(f"the kernel took longer than {plan.limit_seconds:g} s; raise the limit or shorten the run")
    if code:
        raise InputError(f"{plan.code_name} ended with exit code {code}; its last lines are above")
    if gateway is not None:
        gateway.join(timeout=JOIN_SECONDS)
    if faults:
        raise InputError(f"the gateway refused: {faults[0]}")


def _end(process: subprocess.Popen[str]) -> None:
    """Ends the kernel and every process that it left in its group: SIGTERM, then SIGKILL."""
    for kind, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, 0.0)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


def _run_gateway(
    plan: RehearsalPlan, process: subprocess.Popen[str], socket: Path, working: Path, faults: list[str]
) -> None:
    """Asks every problem and writes the submission, as Kaggle's gateway does. A fault is appended to `faults`."""
    try:
        ask_server(
            f"unix:{socket}",
            plan.problems,
            rule=rule_of(plan.contest),
            submission=working / plan.contest.submission,
            call_seconds=plan.contest.call_seconds,
            is_alive=lambda: process.poll() is None,
        )
    except (InputError, OSError) as error:
        faults.append(str(error) or type(error).__name__)


def _environment(plan: RehearsalPlan, root: Path, socket: Path) -> Mapping[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    own = {INPUTS_VARIABLE: str(root / "input"), ADDRESS_VARIABLE: f"unix:{socket}", "PYTHONUNBUFFERED": "1"}
    return inherited | own | ({RERUN_VARIABLE: "1"} if plan.scored else {})


def _check_submission(plan: RehearsalPlan, working: Path) -> dict[str, int]:
    """Returns the submitted answers by problem."""
    names = (plan.contest.submission, "submission.parquet", "submission.csv")
    path = next((working / name for name in names if (working / name).is_file()), None)
    if path is None:
        raise InputError(f"{working}: {plan.code_name} left no submission")
    frame = (
        pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, schema_overrides={"id": pl.String})
    )
    answers: dict[str, int] = dict(frame.select("id", "answer").rows())
    solved = sum(1 for file in working.glob(f"runs/*/{ANSWERS_FILE}") for _ in read_answers(file.parent))
    if (working / "runs").is_dir() and solved < len(plan.problems.problems):
        raise InputError(
            f"{working}/runs: the solver answered only {solved} of {len(answers)} problems; its log.txt says why"
        )
    missing = [problem.id for problem in plan.problems.problems if problem.id not in answers]
    outside = [id for id, answer in answers.items() if rule_of(plan.contest).apply(answer) != answer]
    if missing or outside or len(answers) != len(frame):
        raise InputError(
            f"{path}: lacks {missing[:3]}, or has answers that {plan.contest.name} does not accept {outside[:3]}"
        )
    return answers
