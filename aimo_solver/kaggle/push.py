"""Push: a checked kernel to Kaggle by the real `kaggle` command, its run followed, submitted, fetched.

Guarantees: nothing is sent before the metadata is whole; what the command prints is read, because a
fault at the server's side leaves exit code 0; credentials are neither read nor logged. What the
command does with them is its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aimo_solver.errors import InputError
from aimo_solver.kaggle.contests import CONTESTS
from aimo_solver.kaggle.kernel_metadata import KernelMetadata, read_kernel_metadata
from aimo_solver.utils.files import make_folder
from aimo_solver.utils.log import Log

LOOK_SECONDS: Final = 30.0
LOOKS_MISSED: Final = 10
"""So many failed looks in a row end the wait: a gateway's hiccup does not."""
LOOKS_AT_ONCE: Final = 3
"""A version that is said to be complete before it ever ran may be the one before: it is believed at the third look."""
_PUSHED: Final = re.compile(r"Kernel version (?P<version>\d+) successfully \w+.*?(?P<url>https?://\S+|$)")
_STATUS: Final = re.compile(r'has status "(?:KernelWorkerStatus\.)?(?P<status>\w+)"')
_RUNNING: Final = {"queued", "running", "new_script"}
_IGNORED: Final = re.compile(r"are not valid (?P<kind>tags|\w+ sources) and could not", re.IGNORECASE)

Run = Callable[[Sequence[str]], str]
"""Runs `kaggle` with these arguments and gives what it printed."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A version that Kaggle has."""

    id: str
    version: int
    url: str


def run_kaggle(arguments: Sequence[str]) -> str:
    """The real command. Raises InputError with its own last line when it fails."""
    command = [sys.executable, "-m", "kaggle.cli", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if "No module named" in done.stderr and "kaggle" in done.stderr:
        raise InputError("the kaggle command is not installed; run `pip install kaggle six`")
    printed = done.stdout + done.stderr
    if done.returncode:
        raise InputError(f"kaggle {' '.join(arguments[:2])}: {_last_line(printed) or f'exit code {done.returncode}'}")
    return printed


def told(metadata: KernelMetadata) -> list[str]:
    """What will be sent, a line each."""
    size_bytes = metadata.code_file.stat().st_size
    lines = [f"kernel      {metadata.id} ({metadata.title})", f"code        {metadata.code_file}, {size_bytes:,} bytes"]
    lines.append(f"card        {metadata.machine_shape or 'none'}; internet off")
    lines += [
        f"{name.removesuffix('_sources'):<11} {source}" for name, all in metadata.sources.items() for source in all
    ]
    return lines


def push(folder: Path, run: Run = run_kaggle, *, run_seconds: int | None = None) -> Pushed:
    """Sends a new version, which Kaggle saves and runs. Raises InputError for what Kaggle did not take."""
    metadata = read_kernel_metadata(folder)
    arguments = ["kernels", "push", "-p", str(folder)]
    if run_seconds is not None:
        arguments += ["-t", str(run_seconds)]
    if metadata.machine_shape:
        arguments += ["--accelerator", metadata.machine_shape]
    printed = run(arguments)
    if "push error" in printed:
        raise InputError(f"Kaggle refused the kernel: {_line_with('push error', printed)}")
    if ignored := _IGNORED.search(printed):
        made = match[0] if (match := _PUSHED.search(printed)) else "no version"
        raise InputError(f"Kaggle dropped what it does not know: {_line_with(ignored['kind'], printed)} ({made})")
    if match := _PUSHED.search(printed):
        return Pushed(metadata.id, int(match["version"]), match["url"] or "")
    raise InputError(f"kaggle did not say which version it made: {_last_line(printed)}")


def follow(pushed: Pushed, log: Log, run: Run = run_kaggle, sleep: Callable[[float], None] = time.sleep) -> None:
    """Waits for the version's run to end. Raises InputError when it fails."""
    before, missed, complete, ran = "", 0, 0, False
    while True:
        try:
            printed = run(["kernels", "status", pushed.id])
        except InputError as error:
            printed = str(error)
        match = _STATUS.search(printed)
        missed = 0 if match else missed + 1
        if missed > LOOKS_MISSED:
            raise InputError(f"kaggle does not tell the status of {pushed.id}: {_last_line(printed)}; see {pushed.url}")
        status = match["status"].lower() if match else before
        if status != before:
            log(f"version {pushed.version}: {status}")
            before = status
        ran = ran or status in _RUNNING
        if match and status == "complete":
            complete += 1
            if ran or complete == LOOKS_AT_ONCE:
                return
        elif match and status not in _RUNNING:
            why = _line_with("Failure message", printed)
            raise InputError(f"version {pushed.version} of {pushed.id} ended with {status} {why}; see {pushed.url}")
        sleep(LOOK_SECONDS)


def submit(pushed: Pushed, competition: str, message: str, run: Run = run_kaggle) -> None:
    """Submits a finished version to a competition."""
    names = [contest.submission for contest in CONTESTS if contest.slug == competition]
    arguments = ["competitions", "submit", competition, "-k", pushed.id, "-v", str(pushed.version)]
    printed = run([*arguments, "-f", names[0] if names else "submission.parquet", "-m", message])
    if "success" not in printed.lower():  # A refusal, too, exits with 0.
        raise InputError(f"Kaggle did not take the submission: {_last_line(printed)}")


def fetch(pushed: Pushed, out: Path, run: Run = run_kaggle) -> list[Path]:
    """Brings the kernel's last files back (kaggle keeps no others); the run folders among them, for `aimo pool`."""
    make_folder(out)
    run(["kernels", "output", pushed.id, "-p", str(out), "-o"])
    return sorted(path.parent for path in out.rglob("trajectories.jsonl"))


def _line_with(text: str, printed: str) -> str:
    return next((line.strip() for line in printed.splitlines() if text in line), "")


def _last_line(printed: str) -> str:
    return next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "")
