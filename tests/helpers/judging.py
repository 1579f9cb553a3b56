"""Judges as scripts: what a prompt shows them, and replies that name an answer."""

from __future__ import annotations

import re
from collections.abc import Callable

from aimo_solver.config.settings import GenSelectSettings
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply

JUDGING = GenSelectSettings(judgings=3, max_tokens=200, min_seconds=5.0)
ENDLESS = Reply("Judgment: 1\n" * 10_000)


def attempts(prompt: str) -> list[int]:
    """Returns the answers that a judge is shown, in their order."""
    return [int(answer) for answer in re.findall(r"^Attempt \d+, which answers (-?\d+):", prompt, re.M)]


def naming(answer: int) -> Callable[[str, Sampling], Reply]:
    """Returns a judge that names this answer wherever it is shown, and the first attempt elsewhere."""

    def reply(prompt: str, sampling: Sampling) -> Reply:
        shown = attempts(prompt)
        return Reply(f"I choose it.\nJudgment: {shown.index(answer) if answer in shown else 0}")

    return reply
