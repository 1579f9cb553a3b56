"""ForkServer: the host's side of the zygote (zygote.py); starts it, asks it, replaces it.

Guarantees: a request never waits for the zygote; a zygote that died is replaced at the next
request; `close` ends it and whatever is still below it, and leaves no descriptor.
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
_ANSWER_BYTES = 2**16

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from aimo_solver.sandbox.inside import zygote; "
    "del sys.path[0]; zygote.main(int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])"
)


@dataclass(frozen=True, slots=True)
class Order:
    """A session that the zygote has been told to prepare."""

    scratch: Path
    mark: str
    """In the environment of what its cells start (processes.py)."""


class ForkServer:
    """Asks for sessions of so much memory each. `preload`: the modules they have imported already.

    A session that was prepared begins in the time of a message, any other in that of two forks.

    Use it from one thread that lives as long as it: the zygote ends with the thread that started it.
    """

    def __init__(self, preload: Sequence[str], memory_bytes: int) -> None:
        self._preload = preload
        self._memory_bytes = memory_bytes
        self._next: Order | None = None
        self._zygote: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._layers: dict[str, str] = {}
        self._probed = asyncio.Lock()
        # In memory: the disk may be full. `close` closes it.
        self._errors = open(os.memfd_create("zygote-errors"), "w+b", buffering=0)  # noqa: SIM115

    def open_session(self, descriptors: Sequence[int]) -> Order:
        """Lets a session begin; `descriptors` are its channel, output and news. The scratch folder is the caller's."""
        try:
            return self._open(descriptors)
        except SandboxError:
            if self._requests is not None:  # The zygote lives, and has said what it says.
                raise
        return self._open(descriptors)  # It was dying when it was asked: of a new one.

    def _open(self, descriptors: Sequence[int]) -> Order:
        self.start()
        order = self._next
        if order is None or not order.scratch.is_dir():  # Somebody may have cleaned the folder of temporary files.
            order = self._prepare()
        self._next = None
        try:
            self._ask({"open": True}, descriptors)
        except SandboxError:
            processes.remove(order.scratch)
            raise
        return order

    def prepare(self) -> None:
        """Has the next session made ready: call it when nothing waits for the zygote."""
        if self._next is None and self._requests is not None:
            with suppress(SandboxError):  # Its own `open_session` will say what is wrong.
                self._prepare()

    def _prepare(self) -> Order:
        try:
            order = Order(Path(tempfile.mkdtemp(prefix="aimo-sandbox-")), secrets.token_hex(16))
        except OSError as error:
            raise SandboxError(f"cannot make a scratch folder: {error}") from error
        self._next = order
        wanted = {"scratch": str(order.scratch), "mark": order.mark, "memory_bytes": self._memory_bytes}
        self._ask({"prepare": wanted})
        return order

    def _ask(self, request: dict[str, object], descriptors: Sequence[int] = ()) -> None:
        assert self._requests is not None, "start made it"
        try:
            socket.send_fds(self._requests, [json.dumps(request).encode()], descriptors)
        except OSError as error:
            if not isinstance(error, BlockingIOError):  # It is dying: the caller may ask once more, of a new one.
                self._end_zygote()
            raise SandboxError(f"a sandbox's Python did not start: {error}; {self.last_words()}") from error

    async def layers(self) -> dict[str, str]:
        """Each layer of layers.py and "on", or why it is off. Waits until the zygote is warm."""
        async with self._probed:
            if not self._layers:
                self._layers = await self._first_words()
        if not self._layers:
            raise SandboxError(f"a sandbox's Python did not start: {self.last_words()}")
        return self._layers

    async def _first_words(self) -> dict[str, str]:
        """Nothing when the zygote dies, or is ended, while it warms up."""
        self.start()
        requests = self._requests
        assert requests is not None, "start made it"
        try:
            await readable(requests)
            return json.loads(requests.recv(_ANSWER_BYTES) or "{}")
        except OSError:
            return {}
        finally:
            if requests is not self._requests:
                requests.close()

    def reap(self, leader: int) -> None:
        """Lets go of a dead leader's id. From any thread."""
        requests = self._requests
        if requests is not None:
            with suppress(OSError):  # The zygote has died, and its children with it.
                requests.send(json.dumps({"reap": leader}).encode())

    def last_words(self) -> str:
        """What the zygote wrote to stderr, its end; for messages."""
        if self._errors.closed:
            return "it was closed"
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 500))
        return self._errors.read().decode("utf-8", "replace").strip() or "no word from it"

    def start(self) -> None:
        """Starts the zygote where none lives. Blocks for the milliseconds of a vfork."""
        if self._zygote is not None and self._zygote.poll() is None:
            return
        self._end_zygote()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        root = str(Path(aimo_solver.__file__).parent.parent)
        try:
            arguments = [root, str(far.fileno()), str(os.getpid()), " ".join(self._preload), tempfile.gettempdir()]
            self._zygote = subprocess.Popen(
                [sys.executable, "-s", "-c", _BOOT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=(far.fileno(),),
                start_new_session=True,
                cwd="/",
                env=_environment(),
            )
        except OSError as error:
            near.close()
            raise SandboxError(f"cannot start a Python interpreter: {error}") from error
        finally:
            far.close()
        near.setblocking(False)
        self._requests = near

    def close(self) -> None:
        """Ends the zygote and all below it. Closing twice is harmless. Blocks for milliseconds."""
        self._end_zygote()
        self._errors.close()

    def _end_zygote(self) -> None:
        requests, self._requests = self._requests, None
        if requests is not None:
            with suppress(OSError):
                requests.shutdown(socket.SHUT_RDWR)
            if not self._probed.locked():  # Else who waits there closes it; nobody else may get its number before.
                requests.close()
        if self._zygote is not None:
            processes.end_tree(self._zygote.pid, CLOSE_SECONDS)
            self._zygote.wait()
        self._zygote = None
        if self._next is not None:
            processes.remove(self._next.scratch)
        self._next = None


def _environment() -> dict[str, str]:
    """Nothing of the parent's but where its shared libraries are: its secrets stay with it."""
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONINTMAXSTRDIGITS": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # Each further arena takes 64 MB of the address space.
        "CUDA_VISIBLE_DEVICES": "",  # The card's memory is the engine's.
        **({"LD_LIBRARY_PATH": libraries} if libraries else {}),
    }
