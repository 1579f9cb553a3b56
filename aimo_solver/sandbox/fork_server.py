"""ForkServer: starts the zygote (zygote.py), sends it requests and replaces it when it dies.

Guarantees: a request never waits for the zygote; a zygote that died is replaced at the next
request; `close` ends it and everything below it, and leaves no descriptor open.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aimo_solver
from aimo_solver.errors import SandboxError
from aimo_solver.sandbox import processes
from aimo_solver.sandbox.frames import readable

CLOSE_SECONDS = 5.0
PYTHON_OPTIONS = ("-s",)
"""Python's options in sessions: a user's own site-packages are left out, as another user could not read them."""
_MAX_ANSWER_BYTES = 2**16

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from aimo_solver.sandbox.inside import zygote; "
    "del sys.path[0]; zygote.main(control=int(sys.argv[2]), parent=int(sys.argv[3]), "
    "preload=sys.argv[4], scratch_parent=sys.argv[5])"
)


@dataclass(frozen=True, slots=True)
class PreparedSession:
    """A session that the zygote was asked to prepare."""

    scratch: Path
    mark: str
    """In the environment of everything its cells start (processes.py)."""


class ForkServer:
    """Opens sessions of `memory_bytes` each, with the modules in `preload` already imported.

    A prepared session begins as fast as a message travels, any other one takes two forks.

    Use it from one thread that lives as long: the zygote ends with the thread that started it.
    """

    def __init__(self, preload: Sequence[str], memory_bytes: int) -> None:
        self._preload = preload
        self._memory_bytes = memory_bytes
        self._next: PreparedSession | None = None
        self._zygote: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._layers: dict[str, str] = {}
        self._probed = asyncio.Lock()
        # In memory, as the disk may be full. `close` closes it.
        self._errors = open(os.memfd_create("zygote-errors"), "w+b", buffering=0)  # noqa: SIM115

    def open_session(self, descriptors: Sequence[int]) -> PreparedSession:
        """Opens a session; `descriptors` are its channel, output and events. The caller removes the scratch folder."""
        try:
            return self._open(descriptors)
        except SandboxError:
            if self._requests is not None:  # The zygote is alive: asking a new one would not help.
                raise
        return self._open(descriptors)  # It was dying when asked: this asks a new one.

    def _open(self, descriptors: Sequence[int]) -> PreparedSession:
        self.start()
        session = self._next
        if session is None or not session.scratch.is_dir():  # A clean-up of temporary files may have removed it.
            session = self._prepare()
        self._next = None
        try:
            self._ask({"open": True}, descriptors)
        except SandboxError:
            processes.remove(session.scratch)
            raise
        return session

    def prepare(self) -> None:
        """Prepares the next session. Call it when nothing waits for the zygote."""
        if self._next is None and self._requests is not None:
            with suppress(SandboxError):  # The next `open_session` will report the error.
                self._prepare()

    def _prepare(self) -> PreparedSession:
        try:
            session = PreparedSession(Path(tempfile.mkdtemp(prefix="aimo-sandbox-")), secrets.token_hex(16))
        except OSError as error:
            raise SandboxError(f"cannot make a scratch folder: {error}") from error
        self._next = session
        settings = {"scratch": str(session.scratch), "mark": session.mark, "memory_bytes": self._memory_bytes}
        self._ask({"prepare": settings})
        return session

    def _ask(self, request: dict[str, object], descriptors: Sequence[int] = ()) -> None:
        assert self._requests is not None, "set by start"
        try:
            socket.send_fds(self._requests, [json.dumps(request).encode()], descriptors)
        except OSError as error:
            if not isinstance(error, BlockingIOError):  # It is dying: the caller may try again with a new one.
                self._end_zygote()
            raise SandboxError(f"a sandbox's Python did not start: {error}; {self.last_errors()}") from error

    async def layers(self) -> dict[str, str]:
        """Returns "on" or the reason why not for each layer (layers.py). Waits until the zygote is warm."""
        async with self._probed:
            if not self._layers:
                self._layers = await self._receive_layers()
        if not self._layers:
            raise SandboxError(f"a sandbox's Python did not start: {self.last_errors()}")
        return self._layers

    async def _receive_layers(self) -> dict[str, str]:
        """Returns nothing if the zygote dies or is ended while it warms up."""
        self.start()
        requests = self._requests
        assert requests is not None, "set by start"
        try:
            await readable(requests)
            return json.loads(requests.recv(_MAX_ANSWER_BYTES) or "{}")
        except OSError:
            return {}
        finally:
            if requests is not self._requests:
                requests.close()

    @property
    def zygote_pid(self) -> int | None:
        """The process id of the living zygote; None if there is none."""
        return self._zygote.pid if self._zygote is not None and self._zygote.poll() is None else None

    def reap(self, leader: int) -> None:
        """Releases a dead leader's id. May be called from any thread."""
        requests = self._requests
        if requests is not None:
            with suppress(OSError):  # The zygote is dead, and its children with it.
                requests.send(json.dumps({"reap": leader}).encode())

    def last_errors(self) -> str:
        """Returns the end of what the zygote wrote to stderr, for error messages."""
        if self._errors.closed:
            return "the sandbox was closed"
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 500))
        return self._errors.read().decode("utf-8", "replace").strip() or "it wrote no error"

    def start(self) -> None:
        """Starts a zygote unless one is alive. Blocks for milliseconds (a vfork)."""
        if self._zygote is not None and self._zygote.poll() is None:
            return
        self._end_zygote()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            arguments = [
                package_root(),
                str(far.fileno()),
                str(os.getpid()),
                " ".join(self._preload),
                tempfile.gettempdir(),
            ]
            self._zygote = subprocess.Popen(
                [sys.executable, *PYTHON_OPTIONS, "-c", _BOOT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=(far.fileno(),),
                start_new_session=True,
                cwd="/",
                env=session_environment(),
            )
        except OSError as error:
            near.close()
            raise SandboxError(f"cannot start a Python interpreter: {error}") from error
        finally:
            far.close()
        near.setblocking(False)
        self._requests = near

    def close(self) -> None:
        """Ends the zygote and everything below it. Closing twice is harmless. Blocks for milliseconds."""
        self._end_zygote()
        self._errors.close()

    def _end_zygote(self) -> None:
        requests, self._requests = self._requests, None
        if requests is not None:
            with suppress(OSError):
                requests.shutdown(socket.SHUT_RDWR)
            if not self._probed.locked():  # Otherwise the waiting task closes it: its number must not be reused before.
                requests.close()
        if self._zygote is not None:
            processes.end_tree(self._zygote.pid, CLOSE_SECONDS)
            self._zygote.wait()
        self._zygote = None
        if self._next is not None:
            processes.remove(self._next.scratch)
        self._next = None


def package_root() -> str:
    """Returns the folder from which the processes of sessions import this package."""
    return str(Path(aimo_solver.__file__).parent.parent)


def session_environment() -> dict[str, str]:
    """Returns the zygote's environment: of the parent's only the path of its shared libraries, so no secrets."""
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONINTMAXSTRDIGITS": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # Each further arena takes 64 MB of address space.
        "PIP_NO_INDEX": "1",  # Otherwise pip tries to reach the network until the cell's time is over.
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "MPLBACKEND": "agg",
        "DISPLAY": ":none",  # Otherwise plt.show() does not say that it shows nothing.
        "CUDA_VISIBLE_DEVICES": "",  # The GPU's memory belongs to the engine.
        **({"LD_LIBRARY_PATH": libraries} if libraries else {}),
    }
