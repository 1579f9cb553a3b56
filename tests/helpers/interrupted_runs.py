"""Runs on the scripted engine that are sent signals, each in a process of its own: what they leave behind.

    python -m tests.helpers.interrupted_runs FOLDER RUNS SEED

A program, since signals need a main thread. It imports once and forks for each run; it prints one JSON line per run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import polars as pl
from rich.console import Console

from aimo_solver.app.options import choose_options
from aimo_solver.app.run import run_set
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from aimo_solver.problems.problem import Problem, answer_rule
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.utils.exit import one_sentence_errors
from tests.helpers.runtimes import scripted_runtime, whole_checkpoint

PROBLEMS = 60
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
END_SECONDS = 20.0


def its_number(text: str, sampling: Sampling) -> Reply:
    """Answers "Problem 17?" with 17."""
    number = text.rpartition("Problem ")[2].partition("?")[0]
    return Reply(f"It is $\\boxed{{{number}}}$.", tokens_per_chunk=8, seconds_per_chunk=0.001)


def answer(folder: Path) -> None:
    """The run that is interrupted."""
    model = whole_checkpoint(folder / "model")
    (folder / "preset.toml").write_text('dialect = "cot"\n[policy]\nname = "fixed"\nrollouts = 2\n')
    problems = ProblemSet("set", tuple(Problem(str(n), f"Problem {n}?") for n in range(1, PROBLEMS + 1)))
    options = choose_options(
        model, preset=str(folder / "preset.toml"), hardware="cpu", rule=answer_rule("aimo3"), limit_seconds=500.0
    )
    console = Console(file=(folder / "screen.txt").open("w"))
    with one_sentence_errors():
        asyncio.run(
            run_set(
                options,
                problems,
                folder / "runs",
                console,
                submission=folder / "submission.parquet",
                open_runtime=scripted_runtime(its_number),
            )
        )


def interrupt(folder: Path, draw: random.Random) -> dict[str, object]:
    """Starts a run, sends it one or two signals after its first answers, and returns how it ended."""
    folder.mkdir()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(os.open(folder / "stderr.txt", os.O_WRONLY | os.O_CREAT), 2)
            answer(folder)
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        finally:
            os._exit(code)
    give_up_at = time.monotonic() + END_SECONDS
    while not (folder / "submission.parquet").exists() and time.monotonic() < give_up_at:
        time.sleep(0.002)
    time.sleep(draw.uniform(0.0, 0.3))
    sent = draw.choices(SIGNALS, k=draw.choice((1, 2, 2)))
    for number in sent:
        os.kill(child, number)  # The child is not reaped yet, so its number is still its own.
        time.sleep(draw.uniform(0.0, 0.1))
    return {"signals": [signal.Signals(number).name for number in sent], "code": _wait(child, give_up_at)}


def _wait(child: int, give_up_at: float) -> int:
    """Returns the exit code; minus the signal that ended it. A run that does not end is killed."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > give_up_at:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)


def left_by(folder: Path) -> dict[str, object]:
    """Returns what a run left. Only after the last run: polars starts threads, and what is forked then has none."""
    path = folder / "submission.parquet"
    answers = dict(pl.read_parquet(path).rows()) if path.exists() else {}
    csv = next(folder.glob("runs/*/answers.csv"), None)
    recorded = [] if csv is None else pl.read_csv(csv)["id"].cast(pl.String).to_list()
    return {
        "problems": len(answers),
        "wrong": [id for id, answer in answers.items() if answer not in (0, int(id))],
        "lost": [id for id in recorded if answers.get(id) != int(id)],
        "recorded": len(recorded),
        "partials": [one.name for one in folder.iterdir() if one.name.endswith(".partial")],
        "stderr": (folder / "stderr.txt").read_text(),
    }


def main() -> None:
    folder, runs, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    draw = random.Random(seed)
    ended = [interrupt(folder / str(number), draw) for number in range(runs)]
    for number, end in enumerate(ended):
        print(json.dumps(end | left_by(folder / str(number))))


if __name__ == "__main__":
    main()
