"""Own words: what a model says in a text, without the code it writes and the output it shows.

A box inside a program, a docstring, a printed line or a call is not the model's answer. A block counts as the
model's word only where it is prose (`latex`, `markdown`, ...), or holds nothing but one box. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from aimo_solver.utils.fences import FencedBlock, fenced_blocks

_PROSE: Final = frozenset("latex tex math katex markdown md".split())
_PERHAPS_PROSE: Final = frozenset(("", "text", "txt", "plaintext"))
_ONLY_A_BOX: Final = re.compile(r"[\s$*]*\\{1,2}(?:boxed|fbox|framebox)\s*\{[^\\\n]{0,200}\}[\s$*.]*")
_OUTPUT_OPENS: Final = re.compile(r"(?<![`~])(?:`{3,}|~{3,})output[ \t]*\r?\n")
_TAG: Final = re.compile(r"<(?P<close>/?)(?P<name>tool_call|tool_response|function_call|tool_output)>")


def own_words(text: str) -> str:
    """Returns the text without calls, tool output and blocks of code; a line break stands for each."""
    first, *others = _OUTPUT_OPENS.split(_without(text, list(_tagged(text))))
    parts = [first, *map(_after_output, others)]
    return "\n".join(_without(part, list(_code(part))) for part in parts)


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    kept: list[str] = []
    at = 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    return "\n".join((*kept, text[at:]))


def _tagged(text: str) -> Iterator[tuple[int, int]]:
    """Yields what stands between tags. A tag that is never closed opens a call only if a call's body follows it."""
    opened: re.Match[str] | None = None
    for match in _TAG.finditer(text):
        if opened is None:
            opened = None if match["close"] else match
        elif match["close"] and match["name"] == opened["name"]:
            yield opened.start(), match.end()
            opened = None
    if opened is not None and text[opened.end() : opened.end() + 1] in ("\n", "\r", "{", "<"):
        yield opened.start(), len(text)


def _after_output(part: str) -> str:
    """Returns what follows the output in a text that begins where an output block opens.

    The tool's output is not in the text, so that the model's own words begin at once, unless the model has written
    the output itself. Then there is one bare fence more than those that pair.
    """
    blocks = list(fenced_blocks(part))
    for block in blocks:
        if block.tag:
            break
        if not block.closed:
            return part[blocks[0].content_start :]
    return part


def _code(part: str) -> Iterator[tuple[int, int]]:
    for block in fenced_blocks(part):
        if not _is_prose(block, part):
            yield block.start, block.end


def _is_prose(block: FencedBlock, part: str) -> bool:
    if block.tag in _PROSE:
        return True
    if block.tag not in _PERHAPS_PROSE:
        return False
    # A bare fence that nothing closes is a stray mark, not a block.
    is_stray = not block.tag and not block.closed
    return is_stray or _ONLY_A_BOX.fullmatch(part, block.content_start, block.content_end) is not None
