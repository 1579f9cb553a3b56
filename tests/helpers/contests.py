"""The answer rules of the three editions, by which many tests read answers, and a contest that is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aimo_solver.problems.problem import answer_rule

AIMO1: Final = answer_rule("aimo1")
AIMO2: Final = answer_rule("aimo2")
AIMO3: Final = answer_rule("aimo3")

MADE_UP: Final = """
slug = "winter-olympiad"
problems = 5
limit_seconds = 3600
call_seconds = 600

[answers]
minimum = -7
maximum = 7
fallback = 3

[server]
module = "winter_evaluation.core.winter_server"
class_name = "WinterServer"
"""


def write_contest(folder: Path, text: str = MADE_UP) -> Path:
    """Writes the file of a contest that is not shipped."""
    path = folder / "winter.toml"
    path.write_text(text)
    return path
