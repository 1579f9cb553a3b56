"""PromptFacts: what is true in a run, and how it is written into a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from aimo_solver.problems.problem import AnswerRule

_UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFacts:
    """What a prompt may state."""

    rule: AnswerRule
    runs_code: bool
    """Whether code that the model writes runs at all."""
    timeout_seconds: float
    """Per cell."""
    output_chars: int
    """Characters of a cell's output that the model is shown."""
    code_rounds: int
    """Cells per rollout."""
    memory_bytes: int
    """Per session."""
    libraries: tuple[str, ...]
    """What a cell can import, beside the standard library."""
    date: date

    @property
    def values(self) -> Mapping[str, str]:
        """The texts of the placeholders; those without a value here are left out."""
        rule = self.rule
        found = {
            "answers": answers_in_words(rule),
            "minimum": rule.minimum,
            "maximum": greatest_answer(rule),
            "modulus": rule.modulus,
            "date": self.date.isoformat(),
        }
        if self.runs_code:
            found |= {
                "timeout_seconds": f"{self.timeout_seconds:g}",
                "output_chars": self.output_chars,
                "code_rounds": self.code_rounds,
                "memory": memory_in_words(self.memory_bytes),
                "libraries": ", ".join(self.libraries) or "none",
            }
        return {name: str(value) for name, value in found.items() if value is not None}


def greatest_answer(rule: AnswerRule) -> int | None:
    """Returns the greatest answer that the rule gives; None where there is none."""
    bounds = [rule.maximum, None if rule.modulus is None else rule.modulus - 1]
    return min((bound for bound in bounds if bound is not None), default=None)


def answers_in_words(rule: AnswerRule) -> str:
    """Returns which answers count, as a part of a sentence: "an integer from 0 to 99999"."""
    least, greatest = rule.minimum, greatest_answer(rule)
    if least is not None and greatest is not None:
        words = f"an integer from {least} to {greatest}"
    elif greatest is not None:
        words = f"an integer of at most {greatest}"
    else:
        words = "an integer" if least is None else f"an integer of at least {least}"
    return words if rule.modulus is None else f"{words} (of a larger result, the remainder modulo {rule.modulus})"


def memory_in_words(memory_bytes: int) -> str:
    """Returns an amount of memory in the largest unit that it has one of: 2 GiB."""
    unit, size = next(((unit, size) for unit, size in _UNITS if memory_bytes >= size), ("bytes", 1))
    return f"{memory_bytes / size:.4g} {unit}"
