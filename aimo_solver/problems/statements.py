r"""Statements: answers that are given without a box, on a line of their own or in a sentence.

A labelled line holds only "Final Answer" and a value: `**Final Answer:** 42`, `### Final Answer: $42$`; the value may
stand on the next line. A stated answer is a sentence's: "so the answer is 42." It is read only to the end of its
clause, which must be one value and nothing that changes it; "if the answer is 42" and "it is not 42" state none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from aimo_solver.problems.expressions import NotAValueError, evaluate

_FINAL_ANSWER: Final = re.compile(r"final\s{1,3}answer", re.I)
_BEFORE_LABEL: Final = re.compile(r"[\s>#*_`~|-]*(?:(?:the|my|our)\s+)?", re.I)
_AFTER_LABEL: Final = re.compile(r"[ \t*_`]*[:：=][ \t*_`]*|[ \t*_`]*(?![A-Za-z])")
_SENTENCE: Final = re.compile(r"[A-Za-z]{2,}\s")
_MARKUP: Final = " \t\r*_`#>|$"
_MAX_LINE: Final = 300
_MAX_STATEMENTS: Final = 20
"""Labelled lines and stated answers that are looked at, from the end of the text."""

_STATED: Final = re.compile(
    r"\banswer(?:\s+(?:to|of|for)\s+(?:the|this|our)\s+(?:\w+\s+)?(?:problem|question))?[*_`]{0,3}"
    r"(?:\s*[:：=]|\s+(?:is|equals|must\s+be|should\s+be|comes\s+to)\b)"
    r"(?:[\s,*_`:]*\b(?:therefore|thus|then|hence|indeed|simply|just|exactly|equal\s+to)\b)?[\s,:]*",
    re.I,
)
_CLAUSE_ENDS: Final = re.compile(r"\n|[.;!?](?=[\s*_`)\"']|$)|,\s")
_UNCERTAIN: Final = re.compile(
    r"\b(?:if|whether|suppose|assume|assuming|unless|could|might|may|maybe|perhaps|would|not|doubt|guess|check|verify|claim"
    r"|expected|example|sample|wrong|incorrect)\b|n't\b|\?",
    re.I,
)
_LIST_GOES_ON: Final = re.compile(r"\s*(?:and\b|or\b|[$\\(]*-?\d)", re.I)


@dataclass(frozen=True, slots=True)
class LabelledValue:
    """A value on a line of its own."""

    value: Fraction
    end: int
    """Where it ends in the text."""


def last_labelled(text: str) -> LabelledValue | None:
    """Returns the value of the last labelled line that holds one. One that holds anything else says nothing."""
    for label in _last(_FINAL_ANSWER, text):
        start = max(text.rfind("\n", max(0, label.start() - _MAX_LINE), label.start()) + 1, 0)
        if not _BEFORE_LABEL.fullmatch(text, start, label.start()) or (start == 0 and label.start() > _MAX_LINE):
            continue
        after = _AFTER_LABEL.match(text, label.end())
        if after is not None and (found := _value_on_a_line(text, after.end())) is not None:
            return found
    return None


def last_stated(text: str) -> Fraction | None:
    """Returns the value of the last sentence that states an answer."""
    for statement in _last(_STATED, text):
        before = text[max(0, statement.start() - _MAX_LINE) : statement.start()]
        sentence = re.split(r"[.!?;]\s|\n", before)[-1]
        clause = text[statement.end() : statement.end() + _MAX_LINE]
        end = _CLAUSE_ENDS.search(clause)
        is_list = end is not None and end[0].startswith(",") and _LIST_GOES_ON.match(clause, end.end())
        if is_list or _UNCERTAIN.search(sentence) or (end is None and len(clause) == _MAX_LINE):
            continue
        if end is not None and end[0] == "?":
            continue
        value = _value(clause if end is None else clause[: end.start()])
        if value is not None:
            return value
    return None


def _last(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return list(pattern.finditer(text))[: -_MAX_STATEMENTS - 1 : -1]


def _value_on_a_line(text: str, start: int) -> LabelledValue | None:
    """Returns the value on what is left of the label's line, or on the next line that is not blank."""
    for _ in range(4):
        end = text.find("\n", start, start + _MAX_LINE)
        end = len(text) if end < 0 else end
        if end - start > _MAX_LINE:
            return None
        line = text[start:end].strip(_MARKUP)
        if line not in ("", r"\[", r"\("):
            value = None if _SENTENCE.match(line) else _value(line)
            return None if value is None else LabelledValue(value, end)
        start = end + 1
        if start >= len(text):
            return None
    return None


def _value(latex: str) -> Fraction | None:
    plain = latex.strip(_MARKUP).removesuffix(".").strip(_MARKUP)
    if not any(char.isdecimal() for char in plain):
        return None
    try:
        return evaluate(plain)
    except NotAValueError:
        return None
