"""Push: sends a kernel to Kaggle with the real `kaggle` command, follows its run, submits it, fetches its output.

Guarantees: nothing is sent unless the metadata is valid and credentials are there, which are neither
read nor logged here; what the command prints is checked, because it exits with 0 when the server
refuses; what is attached is asked for (attached_sources.py); the end of the version before is not
taken for this one's.
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

from aimo_solver.config.contest import shipped_contests
from aimo_solver.errors import InputError
from aimo_solver.kaggle.attached_sources import KaggleCommand, check_attached
from aimo_solver.kaggle.credentials import check_credentials
from aimo_solver.kaggle.kernel_metadata import KernelMetadata, read_kernel_metadata
from aimo_solver.utils.files import make_folder
from aimo_solver.utils.log import Log

POLL_SECONDS: Final = 30.0
MAX_FAILED_POLLS: Final = 10
"""The wait ends after more failed polls in a row than this; single failures are ignored."""
UNSEEN_POLL_SECONDS: Final = 5.0
MAX_UNSEEN_POLLS: Final = 24
"""An end that is reported before the version was seen to run may be that of the version before: this many polls
must agree. The command has no status by version: kaggle 2.2.4 ignores the number that it is given."""
_PUSHED: Final = re.compile(r"Kernel version (?P<version>\d+) successfully \w+.*?(?P<url>https?://\S+|$)")
_STATUS: Final = re.compile(r'has status "(?:KernelWorkerStatus\.)?(?P<status>\w+)"')
_RUNNING: Final = {"queued", "running", "new_script"}
_IGNORED: Final = re.compile(r"are not valid (?P<kind>tags|\w+ sources) and could not", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KernelVersion:
    """A version of a kernel on Kaggle."""

    id: str
    version: int
    url: str


def run_kaggle(arguments: Sequence[str]) -> str:
    """Runs the real command. Raises InputError with its last line when it fails."""
    command = [sys.executable, "-m", "kaggle.cli", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if "No module named" in done.stderr and "kaggle" in done.stderr:
        raise InputError("the kaggle command is not installed; run `pip install kaggle six`")
    printed = done.stdout + done.stderr
    if done.returncode:
        if "Authentication required" in printed:
            raise InputError("Kaggle does not accept the credentials that are set; run `kaggle auth login` again")
        raise InputError(f"kaggle {' '.join(arguments[:2])}: {_last_line(printed) or f'exit code {done.returncode}'}")
    return printed


def describe_kernel(metadata: KernelMetadata) -> list[str]:
    """Lists what will be sent, one line each."""
    size_bytes = metadata.code_file.stat().st_size
    lines = [f"kernel      {metadata.id} ({metadata.title})", f"code        {metadata.code_file}, {size_bytes:,} bytes"]
    lines.append(f"accelerator {metadata.machine_shape or 'none'}; internet off")
    for name, sources in metadata.sources.items():
        lines += [f"{name.removesuffix('_sources'):<11} {source}" for source in sources]
    return lines


def push(
    folder: Path,
    kaggle: KaggleCommand = run_kaggle,
    *,
    max_seconds: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> KernelVersion:
    """Sends a new version, which Kaggle saves and runs for at most `max_seconds`.

    Raises InputError if Kaggle refuses it or drops part of it.
    """
    metadata = read_kernel_metadata(folder)
    check_credentials()
    arguments = ["kernels", "push", "-p", str(folder)]
    if max_seconds is not None:
        arguments += ["-t", str(max_seconds)]
    if metadata.machine_shape:
        arguments += ["--accelerator", metadata.machine_shape]
    printed = kaggle(arguments)
    if "push error" in printed:
        raise InputError(f"Kaggle refused the kernel: {_line_with('push error', printed)}")
    if ignored := _IGNORED.search(printed):
        made = match[0] if (match := _PUSHED.search(printed)) else "no version"
        raise InputError(f"Kaggle dropped what it does not know: {_line_with(ignored['kind'], printed)} ({made})")
    if not (match := _PUSHED.search(printed)):
        raise InputError(f"kaggle did not say which version it created: {_last_line(printed)}")
    pushed = KernelVersion(metadata.id, int(match["version"]), match["url"] or "")
    check_attached(metadata, version=pushed.version, url=pushed.url, kaggle=kaggle, sleep=sleep)
    return pushed


def follow(
    pushed: KernelVersion,
    log: Log,
    *,
    kaggle: KaggleCommand = run_kaggle,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until the version's run has ended. Raises InputError when it fails."""
    progress = _Progress(pushed, log)
    while True:
        try:
            printed = kaggle(["kernels", "status", f"{pushed.id}/{pushed.version}"])
        except InputError as error:
            printed = str(error)
        if progress.has_ended(printed):
            return
        sleep(UNSEEN_POLL_SECONDS if progress.is_awaited else POLL_SECONDS)


@dataclass(slots=True)
class _Progress:
    """What has been seen of a version's run."""

    pushed: KernelVersion
    log: Log
    status: str = ""
    missed: int = 0
    """Polls in a row that failed."""
    ran: bool = False
    unseen_polls: int = 0
    """Polls that reported an end before the version was seen to run."""

    @property
    def is_awaited(self) -> bool:
        """Whether Kaggle answers, but not yet for this version."""
        return self.unseen_polls > 0 and not self.ran and not self.missed

    def has_ended(self, printed: str) -> bool:
        """Takes the output of one poll. Raises InputError for a run that failed, and when polls keep failing."""
        match = _STATUS.search(printed)
        if match is None:
            self.missed += 1
            if self.missed > MAX_FAILED_POLLS:
                why = f"{_last_line(printed)}; see {self.pushed.url}"
                raise InputError(f"kaggle does not report the status of {self.pushed.id}: {why}")
            return False
        self.missed, status = 0, match["status"].lower()
        if status in _RUNNING:
            self.ran = True
            self._note(status)
            return False
        if not self.ran and self.unseen_polls < MAX_UNSEEN_POLLS:
            self.unseen_polls += 1
            if self.unseen_polls == 1:
                self.log(f"version {self.pushed.version}: not shown yet; {status} may be the version before")
            return False
        self._note(status)
        if status == "complete":
            return True
        why = _line_with("Failure message", printed)
        raise InputError(
            f"version {self.pushed.version} of {self.pushed.id} ended with {status} {why}; see {self.pushed.url}"
        )

    def _note(self, status: str) -> None:
        if status != self.status:
            self.log(f"version {self.pushed.version}: {status}")
            self.status = status


def submit(pushed: KernelVersion, *, competition: str, message: str, kaggle: KaggleCommand = run_kaggle) -> None:
    """Submits a finished version to a competition."""
    names = [contest.submission for contest in shipped_contests() if contest.slug == competition]
    arguments = ["competitions", "submit", competition, "-k", pushed.id, "-v", str(pushed.version)]
    printed = kaggle([*arguments, "-f", names[0] if names else "submission.parquet", "-m", message])
    if "success" not in printed.lower():  # A refusal exits with 0, too.
        raise InputError(f"Kaggle did not accept the submission: {_last_line(printed)}")


def fetch(pushed: KernelVersion, out: Path, kaggle: KaggleCommand = run_kaggle) -> list[Path]:
    """Downloads the version's output, and returns the run folders in it, for `aimo pool`."""
    make_folder(out)
    kaggle(["kernels", "output", f"{pushed.id}/{pushed.version}", "-p", str(out), "-o"])
    return sorted(path.parent for path in out.rglob("trajectories.jsonl"))


def _line_with(text: str, printed: str) -> str:
    return next((line.strip() for line in printed.splitlines() if text in line), "")


def _last_line(printed: str) -> str:
    return next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "")
