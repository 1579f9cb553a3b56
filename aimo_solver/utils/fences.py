"""Fences: the fenced blocks of a Markdown text, as models write them.

A fence is three or more backticks or tildes. Blocks are found leniently, because models are careless: an
opening fence may follow words on its line, a closing one may be shorter, or stand at the end of the block's last
line, and a block that is not closed ends where the next one opens, or with the text. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MARKS: Final = re.compile(r"(?P<marks>`{3,}|~{3,})(?P<rest>[^\n`~]*)")
_TAG: Final = re.compile(r" *\{?[ .]*(?P<tag>[A-Za-z](?:[\w+#.-]*[\w+#])?)\}?\s*")
_MAX_INDENT: Final = 40
"""Characters of blank space, or of a quotation's marks, before a fence that begins its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FencedBlock:
    """One block: where it stands in the text, and what is in it."""

    tag: str
    """The word after the opening fence, in lower case; "" if there is none."""
    start: int
    """Where the opening fence begins."""
    content_start: int
    content_end: int
    end: int
    """Where the text goes on after the block."""
    closed: bool
    """Whether a closing fence ended it."""


@dataclass(frozen=True, slots=True)
class _Opening:
    marks: str
    tag: str
    start: int
    content_start: int


def fenced_blocks(text: str) -> Iterator[FencedBlock]:
    """Yields the blocks in their order; blocks do not nest."""
    opening: _Opening | None = None
    for match in _MARKS.finditer(text):
        marks, rest = match["marks"], match["rest"]
        ends_line = match.end() == len(text) or text[match.end()] == "\n"
        begins_line = not text[max(0, match.start() - _MAX_INDENT) : match.start()].rpartition("\n")[2].strip(" \t>")
        tagged = _TAG.fullmatch(rest) if ends_line else None
        # "``` done" ends a block, or is a word after inline code.
        is_next_to_tag = tagged is not None and not rest.startswith(" ")
        opens = is_next_to_tag or (ends_line and begins_line and (tagged is not None or not rest.strip()))
        if opening is not None and marks[0] != opening.marks[0]:
            continue
        if opening is not None:
            closes, reopens = ends_line and not rest.strip(), is_next_to_tag
            if closes or reopens or (begins_line and rest.startswith((" ", "\t"))):
                end = match.end() if closes else match.end("marks")
                yield _block(opening, match.start(), match.start() if reopens else end, closed=not reopens)
                opening = None
                if not reopens:
                    continue
        if opening is None and opens:
            tag = tagged["tag"].lower() if tagged is not None else ""
            opening = _Opening(marks, tag, match.start(), min(match.end() + 1, len(text)))
    if opening is not None:
        yield _block(opening, len(text), len(text), closed=False)


def _block(opening: _Opening, content_end: int, end: int, *, closed: bool) -> FencedBlock:
    return FencedBlock(
        tag=opening.tag,
        start=opening.start,
        content_start=opening.content_start,
        content_end=max(content_end, opening.content_start),
        end=max(end, opening.content_start),
        closed=closed,
    )
