"""Live lines: one a problem, rewritten while it is solved where the output is a terminal.

Elsewhere (a log file, a notebook) each problem prints its line once, when it is answered.
"""

from __future__ import annotations

import asyncio

from rich.console import Console
from rich.live import Live
from rich.text import Text

from aimo_solver.engine import Completion
from aimo_solver.observer import Observer
from aimo_solver.policies.policy import Grant
from aimo_solver.problem import Problem
from aimo_solver.solution import Solution
from aimo_solver.trajectory import Trajectory, Turn
from aimo_solver.voting import Vote

_REDRAW_SECONDS = 0.25
_VOTES_SHOWN = 4


class LiveLines(Observer):
    """Observes one problem after another. A context manager: the terminal is given back at its end."""

    def __init__(self, console: Console, problems: int, runs: int = 1) -> None:
        self._console, self._total = console, problems * runs
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._number = self._right = self._judged = 0
        self._problem, self._grant, self._vote = Problem("", ""), Grant(0, 0, 0), Vote(None, (), 0)
        self._ended = self._tokens = 0
        self._started_at = self._drawn_at = 0.0

    def __enter__(self) -> LiveLines:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        self._number += 1
        self._problem, self._grant, self._vote = problem, grant, Vote(None, (), 0)
        self._ended = self._tokens = 0
        self._started_at = asyncio.get_running_loop().time()
        self._draw(force=True)

    def generated(self, rollout: int, piece: Completion) -> None:
        self._tokens += len(piece.token_ids)
        self._draw()

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        self._ended, self._vote = self._ended + 1, vote
        self._draw()

    def problem_finished(self, solution: Solution) -> None:
        if solution.correct is not None:
            self._judged += 1
            self._right += solution.correct
        line = self._line(solution.seconds)
        line.append(f"  -> {solution.answer}", style="bold")
        if solution.correct is not None:
            mark, style = ("right", "green") if solution.correct else (f"wrong, is {solution.problem.gold}", "red")
            line.append(f" {mark}", style=style)
            line.append(f"  ({self._right}/{self._judged})", style="dim")
        self._console.print(line, soft_wrap=True)

    def _draw(self, *, force: bool = False) -> None:
        if self._live is None:
            return
        now = asyncio.get_running_loop().time()
        if force or now - self._drawn_at >= _REDRAW_SECONDS:
            self._drawn_at = now
            self._live.update(self._line(now - self._started_at), refresh=True)

    def _line(self, seconds: float) -> Text:
        votes = " ".join(f"{answer}:{weight:g}" for answer, weight in self._vote.tally[:_VOTES_SHOWN])
        more = len(self._vote.tally) - _VOTES_SHOWN
        speed = self._tokens / seconds if seconds > 0 else 0.0
        return Text(
            f"[{self._number:>{len(str(self._total))}}/{self._total}] {self._problem.id:<24} "
            f"{self._ended:>2}/{self._grant.rollouts} ended  {votes or 'no votes'}{f' +{more}' if more > 0 else ''}  "
            f"{seconds:.1f} s  {speed:,.0f} tokens/s"
        )


class Transcript(Observer):
    """Prints every turn of every rollout as it ends: what `aimo solve` shows."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        self._console.print(f"{grant.rollouts} rollouts, at most {grant.seconds:.0f} s", style="dim")

    def turn_finished(self, rollout: int, turn: Turn) -> None:
        self._console.print(f"rollout {rollout}, {turn.tokens} tokens in {turn.seconds:.1f} s", style="bold cyan")
        self._console.print(Text(turn.text.strip("\n")))
        if turn.output is not None:
            self._console.print(Text(turn.output.strip("\n") or "(no output)", style="yellow"))

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        votes = " ".join(f"{answer}:{weight:g}" for answer, weight in vote.tally) or "none"
        answer = "no answer" if trajectory.answer is None else trajectory.answer
        self._console.print(
            f"rollout {trajectory.rollout} ended: {trajectory.stop_reason}, {answer}; votes {votes}", style="bold"
        )
