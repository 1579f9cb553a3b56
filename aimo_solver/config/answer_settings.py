"""AnswerSettings: the forms in which a model may give its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

from pydantic import ConfigDict

from aimo_solver.config.fields import KNOWN_KEYS_ONLY
from aimo_solver.config.names import Name
from aimo_solver.errors import InputError


class AnswerForm(Name):
    """A way to give an answer; problems/answers.py says exactly what each reads."""

    BOXED = "boxed"
    """In `\\boxed{}`, or on a line that holds only "Final Answer" and the value."""
    STATED = "stated"
    """In a sentence, as in "the answer is 42": for models that rarely box."""


AnswerForms: TypeAlias = tuple[AnswerForm, ...]
BOXED_ONLY: Final[AnswerForms] = (AnswerForm.BOXED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSettings:
    """How answers are read."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    forms: AnswerForms = field(default=BOXED_ONLY)
    """What counts as an answer. "boxed" is always among them: a flush asks for a box."""

    def __post_init__(self) -> None:
        if AnswerForm.BOXED not in self.forms or len(set(self.forms)) != len(self.forms):
            raise InputError(f"answers.forms must contain 'boxed', and no form twice, got {list(self.forms)!r}")
