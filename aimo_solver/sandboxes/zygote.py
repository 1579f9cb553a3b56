"""The zygote: a warm Python process that forks the processes of sandbox sessions.

    host -- zygote -- leader -- keeper -- snapshot
                   -- leader -- ...

The zygote has imported what models import, so a session starts in the time of a fork. It never
runs a model's code. A leader, one a session, heads the session's process group, adopts its orphans
and tells the host of every death below it; it runs no model code either. The keeper runs the cells
(child.py).

Once warm the zygote probes the layers (layers.py) and tells the host, as JSON, which hold.
Requests come over a socket that keeps message borders, as JSON, with three descriptors: the
session's channel, its output and its news. A leader writes to the news, a line each: first its own
id and the keeper's, then "id status cpu_seconds peak_bytes" for whatever it has reaped.
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

from aimo_solver.sandboxes import child, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REQUEST_BYTES = 4096


def main(control: int, parent: int, preload: str, scratch_parent: str) -> None:
    """Serves until the other end of `control` closes. Never returns."""
    layers.tie_to(parent)
    layers.adopt_orphans()  # Of leaders that were killed.
    layers.hide()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _warm_up(preload.split())
    requests = socket.socket(fileno=control)
    states = layers.probe(scratch_parent)
    locks = tuple(name for name, state in states.items() if state == layers.ON)
    requests.send(json.dumps(states).encode())
    leaders: set[int] = set()
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 3)
        if not data:
            os._exit(0)
        request = json.loads(data)
        if "reap" in request:
            leaders.discard(request["reap"])
        else:
            with suppress(OSError):  # No more processes: the host reads it from the closed news.
                leaders.add(_open_session(request, descriptors, locks, requests))
        for descriptor in descriptors:
            os.close(descriptor)
        _reap_all_but(leaders)


def _warm_up(modules: list[str]) -> None:
    """Imports the modules and uses them once: a first call in a fork would pay for it every time."""
    for name in modules:
        with suppress(ImportError):  # The model will read the same error when it imports it.
            importlib.import_module(name)
    if sympy := sys.modules.get("sympy"):
        x = sympy.Symbol("x")
        sympy.solve(x**2 - 5 * x + 6, x)
        sympy.factorint(360)
        sympy.core.random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    gc.collect()
    gc.freeze()  # The pages of what is here now stay shared: no collection writes to them.


def _open_session(
    request: dict[str, Any], descriptors: list[int], locks: tuple[str, ...], requests: socket.socket
) -> int:
    """Forks a leader; its id."""
    zygote = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        requests.close()
        os.setsid()
        layers.tie_to(zygote)
        layers.adopt_orphans()
        _lead(request, locks, *descriptors)
    finally:
        os._exit(1)


def _lead(request: dict[str, Any], locks: tuple[str, ...], channel: int, output: int, news: int) -> None:
    leader = os.getpid()
    keeper = os.fork()
    if keeper == 0:
        os.close(news)
        child.main(channel, output, leader, locks, **request)
    os.close(channel)
    os.close(output)
    _tell(news, f"{leader} {keeper}")
    while True:
        try:
            pid, status, used = os.wait3(0)
        except ChildProcessError:
            os._exit(0)
        _tell(news, f"{pid} {status} {used.ru_utime + used.ru_stime:.3f} {used.ru_maxrss * 1024}")


def _tell(news: int, line: str) -> None:
    with suppress(OSError):  # The host has gone, and this process is about to.
        os.write(news, f"{line}\n".encode())


def _reap_all_but(leaders: set[int]) -> None:
    """Collects dead children. A leader's id stays taken until the host has done with it."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = map(int, file.read().split())
    for pid in children:
        if pid not in leaders:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
