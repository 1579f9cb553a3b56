"""Live screen: progress and one line per problem under way, rewritten where the output is a terminal.

Elsewhere (a log file, a notebook) each problem prints its line once, when it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from aimo_solver.engine.base import Completion
from aimo_solver.policies.policy import Grant
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import Trajectory, Turn
from aimo_solver.runs.flushes import count_flushes
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.text import plural
from aimo_solver.voting import Vote

_REDRAW_SECONDS: Final = 0.25
_MAX_VOTES_SHOWN: Final = 4


class LiveScreen:
    """Shows the problems of one or more lanes; a context manager, which restores the terminal at its end."""

    def __init__(self, console: Console, problems: int, past: Sequence[Solution] = ()) -> None:
        """`problems` counts all runs together, including what an earlier process answered (`past`)."""
        self.console, self.total = console, problems
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._lanes: list[_Lane] = []
        self._number = self._done = len(past)
        self._judged = sum(solution.correct is not None for solution in past)
        self._right = sum(bool(solution.correct) for solution in past)
        self._flushes = count_flushes(past)
        self._answered_now = self.tokens = 0
        self._begun_at: float | None = None
        self._drawn_at = 0.0

    def lane(self) -> Observer:
        """Returns the observer of one more lane, for a solver that answers one problem after another."""
        self._lanes.append(_Lane(self))
        return self._lanes[-1]

    def __enter__(self) -> LiveScreen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begin(self) -> int:
        """Counts a problem that is asked, and returns its number."""
        if self._begun_at is None:
            self._begun_at = asyncio.get_running_loop().time()
        self._number += 1
        return self._number

    def end(self, solution: Solution, line: Text) -> None:
        """Prints the line of an answered problem."""
        self._done += 1
        self._answered_now += 1
        self._flushes += count_flushes([solution])
        line.append(f"  -> {solution.answer}", style="bold")
        if solution.correct is not None:
            self._judged += 1
            self._right += solution.correct
            mark, style = ("right", "green") if solution.correct else (f"wrong, it is {solution.problem.gold}", "red")
            line.append(f" {mark}", style=style)
            line.append(f"  ({self._right}/{self._judged})", style="dim")
        self.console.print(line, soft_wrap=True)

    def draw(self, *, force: bool = False) -> None:
        """Redraws the lines, at most every quarter of a second unless forced."""
        if self._live is None or self._begun_at is None:
            return
        now = asyncio.get_running_loop().time()
        if force or now - self._drawn_at >= _REDRAW_SECONDS:
            self._drawn_at = now
            lines = [lane.line(now) for lane in self._lanes if lane.problem is not None]
            flushes = [Text(self._flushes.words, style="dim")] if self._flushes.words else []
            self._live.update(Group(self._progress(now - self._begun_at), *flushes, *lines), refresh=True)

    def _progress(self, seconds: float) -> Text:
        line = f"{self._done}/{self.total} answered"
        if self._judged:
            line += f", {self._right}/{self._judged} right ({100 * self._right / self._judged:.0f} %)"
        line += f", {self.tokens / max(seconds, 1e-9):,.0f} tokens/s"
        if self._answered_now and self._done < self.total:
            left = seconds / self._answered_now * (self.total - self._done)
            line += f", about {_duration(left)} left, until {datetime.now() + timedelta(seconds=left):%H:%M}"
        return Text(line, style="bold")


class _Lane(Observer):
    """One problem at a time on the screen."""

    def __init__(self, screen: LiveScreen) -> None:
        self._screen = screen
        self._number = self._ended = self._tokens = 0
        self.problem: Problem | None = None
        self._grant, self._vote = Grant(0, 0, 0), Vote(None, (), 0)
        self._started_at = 0.0

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        self._number = self._screen.begin()
        self.problem, self._grant, self._vote = problem, grant, Vote(None, (), 0)
        self._ended = self._tokens = 0
        self._started_at = asyncio.get_running_loop().time()
        self._screen.draw(force=True)

    def generated(self, rollout: int, piece: Completion) -> None:
        self._tokens += len(piece.token_ids)
        self._screen.tokens += len(piece.token_ids)
        self._screen.draw()

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        self._ended, self._vote = self._ended + 1, vote
        self._screen.draw()

    def problem_finished(self, solution: Solution) -> None:
        self._screen.end(solution, self._line(solution.seconds))
        self.problem = None

    def line(self, now: float) -> Text:
        """Returns the line of the problem under way."""
        return self._line(now - self._started_at)

    def _line(self, seconds: float) -> Text:
        votes = " ".join(f"{answer}:{weight:.3g}" for answer, weight in self._vote.tally[:_MAX_VOTES_SHOWN])
        more = len(self._vote.tally) - _MAX_VOTES_SHOWN
        speed = self._tokens / seconds if seconds > 0 else 0.0
        id, total = "" if self.problem is None else self.problem.id, self._screen.total
        return Text(
            f"[{self._number:>{len(str(total))}}/{total}] {id:<24} "
            f"{self._ended:>2}/{self._grant.rollouts} ended  {votes or 'no votes'}{f' +{more}' if more > 0 else ''}  "
            f"{seconds:.1f} s  {speed:,.0f} tokens/s"
        )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


class Transcript(Observer):
    """Prints every turn of every rollout as it ends: what `aimo solve` shows."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def problem_started(self, problem: Problem, run: int, grant: Grant) -> None:
        self._console.print(f"{plural(grant.rollouts, 'rollout')}, at most {grant.seconds:.0f} s", style="dim")

    def turn_finished(self, rollout: int, turn: Turn) -> None:
        self._console.print(
            f"rollout {rollout}, {plural(turn.tokens, 'token')} in {turn.seconds:.1f} s", style="bold cyan"
        )
        self._console.print(Text(turn.text.strip("\n")))
        if turn.output is not None:
            self._console.print(Text(turn.output.strip("\n") or "(no output)", style="yellow"))

    def rollout_finished(self, trajectory: Trajectory, vote: Vote) -> None:
        votes = " ".join(f"{answer}:{weight:.3g}" for answer, weight in vote.tally) or "none"
        answer = "no answer" if trajectory.answer is None else trajectory.answer
        if trajectory.asked:
            answer = f"{answer} when asked after {'its own end' if trajectory.ended_itself else 'a cut'}"
        self._console.print(
            f"rollout {trajectory.rollout} ended: {trajectory.stop_reason}, {answer}; votes {votes}", style="bold"
        )
