"""Code blocks: the Python that a text holds between fences."""

from __future__ import annotations

import re
from typing import Final

from aimo_solver.utils.fences import fenced_blocks

_PYTHON: Final = re.compile(r"i?python[\d.]*|py[\d.]*|tool_code|jupyter|sage")
_LAST_LINE: Final = re.compile(r"\n[ \t]*\Z")
_INDENT: Final = re.compile(r"(?:[ \t]*\n)*(?P<indent>[ \t]*)")


def last_python_block(text: str) -> str | None:
    """Returns the code of the last block that a fence marks as Python, without an indent of its own; None without one.

    A block of any other kind after it is none of its business: models show what they expect to be printed.
    """
    blocks = [block for block in fenced_blocks(text) if _PYTHON.fullmatch(block.tag)]
    return _content(text, blocks[-1].content_start, blocks[-1].content_end) if blocks else None


def unfenced(text: str) -> str:
    """Returns the text; one that is a single fenced block, or one behind a fence's tag, without its fences."""
    stripped = text.strip()
    if not stripped.startswith(("```", "~~~")):
        return text
    block = next(fenced_blocks(stripped), None)
    if block is None or block.start != 0 or stripped[block.end :].strip():
        return text
    return _content(stripped, block.content_start, block.content_end)


def dedented(code: str) -> str:
    """Returns code that is indented as a whole without the first line's indent, as IPython runs it."""
    indent = _INDENT.match(code)
    if indent is None or not indent["indent"] or not code.strip():
        return code
    return re.sub(rf"^{indent['indent']}", "", code, flags=re.M)


def _content(text: str, start: int, end: int) -> str:
    content = text[start:end].replace("\r\n", "\n")
    return dedented(_LAST_LINE.sub("", content, count=1))
