r"""Prompt settings: a preset's texts for the model, with placeholders that a run fills from what is true in it.

`{name}` stands for a placeholder, `{}` for itself (as in `\boxed{}`), `{{` and `}}` for single braces. Guarantees: a
placeholder that does not exist, or a brace that belongs to none, is refused when the preset is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from aimo_solver.config.fields import KNOWN_KEYS_ONLY
from aimo_solver.config.names import Effort
from aimo_solver.errors import InputError

PROBLEM: Final = "problem"
PLACEHOLDERS: Final[Mapping[str, str]] = {
    PROBLEM: "the problem's statement; only in user, and there once",
    "answers": "which answers the contest takes, in words: an integer from 0 to 99999",
    "minimum": "the least answer",
    "maximum": "the greatest answer",
    "modulus": "what larger results are reduced by",
    "timeout_seconds": "seconds that a cell of code may take",
    "output_chars": "characters of a cell's output that the model is shown",
    "code_rounds": "how many cells a rollout may run",
    "memory": "a session's memory, with its unit",
    "libraries": "the libraries that code can import, beside Python's own",
    "date": "the day on which the run began, as 2026-11-28",
}
"""By name: what stands there."""

_PIECE: Final = re.compile(r"\{\{|\}\}|\{\}|\{[A-Za-z_]\w*\}|[{}]")
_LITERAL: Final[Mapping[str, str]] = {"{{": "{", "}}": "}", "{}": "{}"}

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptExample:
    """A problem and its solution, which the model is shown as an earlier exchange. Has no placeholders."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    problem: Text
    solution: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """What the model reads before it writes. None means the dialect's own text; an empty text means none."""

    __pydantic_config__: ClassVar[ConfigDict] = KNOWN_KEYS_ONLY

    system: str | None = None
    """The system message; Harmony's developer message."""
    tool: str | None = None
    """The description of the Python tool, for dialects that declare one."""
    user: str | None = None
    """The user's message around the problem."""
    effort: Effort | None = None
    """How long the model reasons, for dialects that can say so."""
    examples: tuple[PromptExample, ...] = ()

    def __post_init__(self) -> None:
        for name in ("system", "tool", "user"):
            text: str | None = getattr(self, name)
            if text is None:
                continue
            try:
                count = placeholders(text).count(PROBLEM)
            except InputError as error:
                raise InputError(f"[prompt] {name}: {error}") from None
            if name == "user" and count != 1:
                raise InputError(f"[prompt] user must contain {{{PROBLEM}}} once, got {text!r}")
            if name != "user" and count:
                raise InputError(f"[prompt] {name} must not contain {{{PROBLEM}}}, which belongs in user, got {text!r}")


def placeholders(template: str) -> list[str]:
    """Returns the names of a text's placeholders, in their order. Raises InputError for what is none."""
    found: list[str] = []
    for match in _PIECE.finditer(template):
        piece = match[0]
        if piece in _LITERAL:
            continue
        name = piece.strip("{}")
        if not name:
            near = template[max(0, match.start() - 10) : match.end() + 10]
            raise InputError(f"a single brace must be written {piece * 2}, got {near!r}")
        if name not in PLACEHOLDERS:
            listed = ", ".join(PLACEHOLDERS)
            raise InputError(f"a placeholder must be one of {listed}, got {piece!r}; write {{{piece}}} for these words")
        found.append(name)
    return found


def fill(template: str, values: Mapping[str, str]) -> str:
    """Returns the text with its placeholders filled. Raises KeyError for one that has no value."""
    return _PIECE.sub(lambda match: _LITERAL.get(match[0]) or values[match[0].strip("{}")], template)
