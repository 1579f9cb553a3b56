"""The zygote: a warm Python process that forks the processes of sandbox sessions.

    host -- zygote -- leader -- keeper -- snapshot
                   -- leader -- ...

The zygote has imported what models import, so a session starts as fast as a fork. It never runs a
model's code. Each session has a leader, which heads its process group, adopts its orphans and
reports every death below it to the host; it runs no model code either. The keeper runs the cells
(keeper.py).

Once warm, the zygote probes the layers (layers.py) and sends the host, as JSON, which of them hold.
Requests are JSON messages over a socket that preserves message boundaries:
- `{"prepare": {"scratch", "mark", "memory_bytes"}}`: fork a session's leader and keeper, and let the
  keeper get ready;
- `{"open": true}`, with three descriptors, the session's channel, output and events: the session that
  was prepared last begins, as fast as a message travels;
- `{"reap": leader}`: the host no longer needs the id of a dead leader.

A leader writes lines to its events: first its own id and the keeper's, then
"id status cpu_seconds peak_bytes" for each process it has reaped.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass

from aimo_solver.sandbox.inside import keeper, layers
from aimo_solver.sandbox.inside.cell import run_cell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

REQUEST_BYTES = 4096


def main(*, control: int, parent: int, preload: str, scratch_parent: str) -> None:
    """Serves requests until the other end of `control` closes. Never returns.

    `preload`: names of modules, separated by spaces.
    """
    layers.tie_to(parent)
    layers.adopt_orphans()  # Those of killed leaders.
    layers.hide()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _warm_up(preload.split())
    requests = socket.socket(fileno=control)
    states = layers.probe(scratch_parent)
    locks = tuple(name for name, state in states.items() if state == layers.ON)
    requests.send(json.dumps(states).encode())
    leaders: set[int] = set()
    order: dict[str, Any] = {}
    spare = _Spare(0, None)
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 3)
        if not data:
            os._exit(0)
        match json.loads(data):
            case {"prepare": order}:
                spare = _fork_spare(order, locks, requests)
            case {"reap": leader}:
                leaders.discard(leader)
            case _:
                if not spare.begin(descriptors):  # Something has killed it.
                    spare = _fork_spare(order, locks, requests)
                    spare.begin(descriptors)
                leaders.add(spare.leader)
                # If that failed too, the host notices that the events are closed.
                for descriptor in descriptors:
                    os.close(descriptor)
        _reap_all_but(leaders | {spare.leader})


def _warm_up(modules: list[str]) -> None:
    """Imports the modules and uses them once; otherwise every fork would pay for the first call."""
    for name in modules:
        with suppress(ImportError):  # The model gets the same error when it imports it.
            importlib.import_module(name)
    if sympy := sys.modules.get("sympy"):
        x = sympy.Symbol("x")
        sympy.solve(x**2 - 5 * x + 6, x)
        sympy.factorint(360)
        sympy.core.random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    run_cell("%matplotlib inline", {})  # Loads what reads notebook syntax: cells may not read this package's files.
    gc.collect()
    gc.freeze()  # Keeps the pages of existing objects shared: no collection writes to them.


@dataclass(frozen=True, slots=True)
class _Spare:
    """A prepared leader, with its keeper, that waits for its session to begin."""

    leader: int
    """Its process id; 0 means there is none."""
    line: socket.socket | None

    def begin(self, descriptors: Sequence[int]) -> bool:
        """Lets the session begin. Returns False if the leader is gone."""
        if self.line is None:
            return False
        with self.line:
            try:
                socket.send_fds(self.line, [b"begin"], descriptors)
            except OSError:
                return False
        return True


def _fork_spare(order: dict[str, Any], locks: tuple[str, ...], requests: socket.socket) -> _Spare:
    zygote = os.getpid()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        leader = os.fork()
    except OSError:  # The limit of processes is reached.
        near.close()
        far.close()
        return _Spare(0, None)
    if leader:
        far.close()
        return _Spare(leader, near)
    try:
        requests.close()
        near.close()
        os.setsid()
        layers.tie_to(zygote)
        layers.adopt_orphans()
        _lead(far, order, locks)
    finally:
        os._exit(1)


def _lead(line: socket.socket, order: dict[str, Any], locks: tuple[str, ...]) -> None:
    leader = os.getpid()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper_pid = os.fork()
    if keeper_pid == 0:
        line.close()
        near.close()
        keeper.prepare(leader, locks, **order)
        with far:
            _, (channel, output), _, _ = socket.recv_fds(far, REQUEST_BYTES, 2)
        keeper.serve(channel, output, leader)
    far.close()
    with line, near:
        _, (channel, output, events), _, _ = socket.recv_fds(line, REQUEST_BYTES, 3)
        socket.send_fds(near, [b"begin"], (channel, output))
    os.close(channel)
    os.close(output)
    _report(events, f"{leader} {keeper_pid}")
    while True:
        try:
            pid, status, used = os.wait3(0)
        except ChildProcessError:
            os._exit(0)
        _report(events, f"{pid} {status} {used.ru_utime + used.ru_stime:.3f} {used.ru_maxrss * 1024}")


def _report(events: int, line: str) -> None:
    with suppress(OSError):  # The host is gone, and this process is about to end.
        os.write(events, f"{line}\n".encode())


def _reap_all_but(leaders: set[int]) -> None:
    """Reaps dead children, except leaders, whose ids stay reserved until the host releases them."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = map(int, file.read().split())
    for pid in children:
        if pid not in leaders:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
