"""The libraries that a model's code can import, as the interpreter of the sandbox's sessions has them."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.fork_server import PYTHON_OPTIONS, package_root, session_environment

_ASK = (
    "import sys; sys.path.insert(0, sys.argv[1]); from aimo_solver.sandbox.inside import libraries; "
    "del sys.path[0]; print(*libraries.importable())"
)
_ANSWER_SECONDS = 60.0
"""On a cold disk the interpreter's start takes most of it."""


def available_libraries() -> tuple[str, ...]:
    """Returns the modules of a written list (inside/libraries.py) that sessions can import.

    Starts a Python once per process, for a tenth of a second. Raises SandboxError if it does not start.
    """
    return _ask(sys.executable)


@cache
def _ask(executable: str) -> tuple[str, ...]:
    command = [executable, *PYTHON_OPTIONS, "-c", _ASK, package_root()]
    try:
        asked = subprocess.run(
            command,
            env=session_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(f"cannot ask a sandbox's Python for its libraries: {error}") from error
    return tuple(asked.stdout.split())
