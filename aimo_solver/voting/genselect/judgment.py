"""Judgment: the number that a judge's reply ends with.

Guarantees, for any text: never raises, takes linear time; the last judgment counts, and if it names
no candidate there is none: an earlier one was withdrawn.
"""

from __future__ import annotations

import re
from typing import Final

from aimo_solver.voting.genselect.candidate import without_control_tokens

# A colon, brackets or emphasis may stand between the word and the number. A minus sign makes it another number.
_JUDGMENT: Final = re.compile(
    r"\bjudge?ment[^\w-]{1,8}(?:(?:solution|candidate)[^\w-]{1,4})?([0-9]+)(?![0-9.]*\.[0-9])", re.I
)
_IN_BRACKETS: Final = re.compile(r"[*_ ]*\[([0-9]+)\][*_. ]*")
_MAX_DIGITS: Final = 3


def find_judgment(reply: str, candidates: int) -> int | None:
    """Returns the index below `candidates` in the last "Judgment: IDX", or else in a last line "[IDX]"; or None."""
    text = without_control_tokens(reply)
    named = _JUDGMENT.findall(text)
    if not named:
        last_line = text.rstrip().rpartition("\n")[2]
        bare = _IN_BRACKETS.fullmatch(last_line.strip())
        named = [bare[1]] if bare else []
    if not named or len(named[-1]) > _MAX_DIGITS:
        return None
    index = int(named[-1])
    return index if index < candidates else None
