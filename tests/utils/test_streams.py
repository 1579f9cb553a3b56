"""Standard streams: a run whose reader has left, or whose log's disk is full, goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys, time
from pathlib import Path
from rich.console import Console
from aimo_solver.utils.streams import outlive_readers
outlive_readers()
outlive_readers()
{closing}
console = Console({where})
for number in range(200):
    console.print("line", number, "x" * 100)
    print("line", number, file=sys.{stream}, flush=True)
Path(sys.argv[1]).write_text("went on")
"""
CLOSING = {"left": "", "closed": "sys.{stream}.close()"}


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("closing", CLOSING.values(), ids=CLOSING.keys())
def test_program_goes_on_without_a_reader(tmp_path: Path, stream: str, closing: str) -> None:
    where = "stderr=True" if stream == "stderr" else ""
    program = PROGRAM.format(closing=closing.format(stream=stream), stream=stream, where=where)
    command = [sys.executable, "-c", program, str(tmp_path / "end")]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: subprocess.PIPE}
    process = subprocess.Popen(command, **streams)  # pyright: ignore[reportArgumentType, reportCallIssue]  # by name
    reader = getattr(process, stream)
    reader.readline()
    reader.close()
    assert process.wait() == 0
    assert (tmp_path / "end").read_text() == "went on"


def test_program_goes_on_when_its_log_cannot_grow(tmp_path: Path) -> None:
    program = PROGRAM.format(closing="", stream="stdout", where="")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "end")], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (tmp_path / "end").read_text() == "went on"
    assert b"Traceback" not in ended.stderr
