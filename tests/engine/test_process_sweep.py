"""An engine's processes end with it, even if the program that started it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aimo_solver.engine.vllm import process_sweep
from aimo_solver.engine.vllm.process_sweep import EngineProcesses

HANG_GUARD_SECONDS = 30.0
# Named as vLLM names its own, with the mark in its environment, and with a child that clears its own.
CORE = """
import subprocess, time
subprocess.Popen(["sleep", "600"], env={})
print("up", flush=True)
time.sleep(600)
"""
PROGRAM = """
import os, subprocess, sys, time
from aimo_solver.engine.vllm.process_sweep import EngineProcesses

mark, core = sys.argv[1:]
environment = os.environ | EngineProcesses(mark).environment()
started = subprocess.Popen([sys.executable, "-c", core, "VLLM::EngineCore"], env=environment, stdout=subprocess.PIPE)
started.stdout.readline()
print("up", flush=True)
time.sleep(600)
"""


def start_core(processes: EngineProcesses) -> None:
    environment = os.environ | processes.environment()
    core = subprocess.Popen(
        [sys.executable, "-c", CORE, "VLLM::EngineCore"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert core.stdout is not None
    assert core.stdout.readline() == "up\n"


def test_end_leaves_neither_core_nor_child_nor_guard() -> None:
    processes = EngineProcesses()
    start_core(processes)
    assert len(processes.alive()) == 2
    assert processes.end(HANG_GUARD_SECONDS)
    assert processes.alive() == []
    assert guards(processes.mark) == []


def test_an_engine_started_again_keeps_its_processes() -> None:
    processes = EngineProcesses()
    for _ in range(3):
        start_core(processes)
        assert len(guards(processes.mark)) == 1
        assert len(processes.alive()) == 2
        assert processes.end(HANG_GUARD_SECONDS)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_guard_ends_the_processes_of_a_killed_program(number: int) -> None:
    mark = EngineProcesses().mark
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, mark, CORE], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    processes = EngineProcesses(mark)
    assert len(processes.alive()) == 2
    program.send_signal(number)
    program.wait()
    give_up_at = time.monotonic() + HANG_GUARD_SECONDS
    while (processes.alive() or guards(mark)) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert processes.alive() == guards(mark) == []


def guards(mark: str) -> list[int]:
    """Returns the ids of the guards for the mark."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        try:
            arguments = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if folder.name.isdecimal() and process_sweep.__file__ in arguments and mark in arguments:
            found.append(int(folder.name))
    return found
