r"""Boxes: where `\boxed{}` and its kin stand in a text, and which of them are placeholders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# A backslash takes the next character with it, so `\{` opens nothing. Two before the name are one that was escaped.
_BOX_OR_BRACE: Final = re.compile(
    r"(?P<slashes>\\?\\)(?:boxed|fbox|framebox)(?![A-Za-z])(?:\s{0,9}\[[^][{}\n]{0,40}\]){0,2}\s*"
    r"(?:(?P<open>\{)|(?P<bare>[-−]?\d[^\s$\\{}]*))|\\.|[{}]",
    re.S,
)
_MARKUP: Final = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox|boxed|fbox|framebox|[ldc]?dots|square|Box|qquad|quad"
    r"|[dt]?frac|cdot|times|left|right|displaystyle|phantom|underline)(?![A-Za-z])|\\[,;:!\ $_{}#]"
    r"|[\s{}()\[\]<>$*_`~?.,:;…#|/+=^!-]"
)
_PLACEHOLDERS: Final = frozenset(
    "your the a final correct answer answers ans here value values number integer result results solution numeric"
    " numerical insert put in this that is box boxed goes of to be only content contents something xxx xx".split()
)
_MAX_PLACEHOLDER: Final = 80


@dataclass(frozen=True, slots=True)
class Box:
    """One complete box."""

    content: str
    end: int
    """Where it closes in the text."""

    @property
    def only_inner(self) -> str | None:
        """Returns the content of the one box inside it, where there is no number besides; None otherwise."""
        inner = last_box(self.content)
        if inner is None:
            return None
        start = inner.end - len(inner.content)
        others = self.content[:start] + self.content[inner.end :]
        return inner.content if not any(char.isdecimal() for char in others) else None


def last_box(text: str) -> Box | None:
    r"""Returns the box that closes last; of nested ones the outer. None if there are none but placeholders.

    Unclosed boxes are skipped. `\boxed 42`, without braces, counts.
    """
    found: list[tuple[int, int, bool]] = []
    opened: list[tuple[int, bool] | None] = []  # where a box's content starts; None for any other brace
    for match in _BOX_OR_BRACE.finditer(text):
        is_escaped = match["slashes"] == "\\\\"
        if match["bare"] is not None:
            found.append((*match.span("bare"), is_escaped))
        elif match["open"] is not None:
            opened.append((match.end(), is_escaped))
        elif match[0] == "{":
            opened.append(None)
        elif match[0] == "}" and opened and (start := opened.pop()) is not None:
            found.append((start[0], match.start(), start[1]))
    for start, end, is_escaped in reversed(found):
        if end - start > _MAX_PLACEHOLDER or not is_placeholder(text[start:end]):
            return Box(_content(text, start, end, is_escaped), end)
    return None


def is_placeholder(content: str) -> bool:
    r"""Whether a box says where an answer goes, and gives none: `\boxed{}`, `\boxed{answer}`, `\boxed{n}`.

    A letter alone is one, and so is a formula of single letters: a contest's answer is a number. What holds a digit,
    a constant or other words is not.
    """
    words = _MARKUP.sub(" ", content).split()
    return all((len(word) == 1 and word.isalpha()) or word.lower() in _PLACEHOLDERS for word in words)


def _content(text: str, start: int, end: int, is_escaped: bool) -> str:
    content = text[start:end]
    if text[start - 1] != "{":  # The sentence continues right after a box without braces: "so \boxed 5."
        content = content.rstrip(".,;:!?)*")
    return content.replace("\\\\", "\\") if is_escaped else content
