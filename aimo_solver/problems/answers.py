r"""Answers: the one way from a model's text to a canonical integer, or None.

Every dialect, vote and report reads answers here, so that no two of them can disagree about what a
rollout answered.

Guaranteed, for any text:

- It never raises and never hangs: finding the box is linear in the text, and a box's content,
  its nesting and every intermediate value are bounded before they are computed.
- Arithmetic is exact. 3.4 is not an answer, and never 3; `\boxed{0}` is 0.
- The answer satisfies the rule, and has fewer than 1,300 digits, so that `str` of it is safe.
- No number is guessed from prose: without a box, or when the last complete box holds anything
  but one integer value, the answer is None. An earlier box does not count instead: the model has
  withdrawn it. (An unclosed box is a cut-off sentence: it withdraws nothing and is skipped.)

Choices:

- Thousands come in groups of three: `1,024` is one number, `1,24` and `1, 024` are lists, and so
  is any bare comma inside brackets, `(100,200)`.
- `2^10` is 2^{10} and `\boxed 42` is 42, which is what models mean; TeX would take one digit. But
  `\frac42` is 4/2, as in TeX.
- Units are dropped: degrees, per cent, and a closing `\text{...}` without numbers. A scale word
  (`\text{million}`) is no unit. A remark outside `\text`, as in `42 (checked 1000 cases)`, is prose, hence None.
- `m + n = 42` is 42. Between two `=`, as in `a = 3 + 4 = 7`, numbers must come to the same value.

Not supported, hence None: E-notation (`e` is Euler's number, and a float that large is not exact),
products by juxtaposition (`3 \frac12` may be a mixed number), names with a comma (`f(2, 3) = 5`),
`5!!`, higher roots, absolute values, congruences, number words, sets.
"""

from __future__ import annotations

import re
from typing import Final

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.problems.expressions import NotAValueError, evaluate
from aimo_solver.problems.problem import AnswerRule

# A backslash takes the next character with it, so `\{` opens nothing.
_BOX_OR_BRACE: Final = re.compile(
    r"\\(?:boxed|fbox)(?![A-Za-z])\s*(?:(?P<open>\{)|(?P<bare>[-−]?\d[^\s$\\{}]*))|\\.|[{}]", re.S
)


def read_answer(text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
    """Returns the integer that `text` gives as its answer in one of the forms, under `rule`, or None."""
    return extract_answer(text, rule)


def extract_answer(text: str, rule: AnswerRule) -> int | None:
    r"""Returns the integer in the last complete `\boxed{}` of `text`, under `rule`, or None."""
    content = last_boxed(text)
    value = None if content is None else parse_integer(content)
    return None if value is None else rule.apply(value)


def last_boxed(text: str) -> str | None:
    r"""Returns the content of the `\boxed{}` or `\fbox{}` that closes last; of nested ones, the outer.

    Unclosed boxes are skipped. `\boxed 42`, without braces, counts.
    """
    last: tuple[int, int] | None = None
    opened: list[int | None] = []  # where a box's content starts; None for any other brace
    for match in _BOX_OR_BRACE.finditer(text):
        if match["bare"] is not None:
            last = match.span("bare")
        elif match["open"] is not None:
            opened.append(match.end())
        elif match[0] == "{":
            opened.append(None)
        elif match[0] == "}" and opened and (start := opened.pop()) is not None:
            last = (start, match.start())
    if last is None:
        return None
    start, end = last
    # The sentence continues right after a box without braces: "so \boxed 5."
    return text[start:end] if text[start - 1] == "{" else text[start:end].rstrip(".,;:!?)*")


def parse_integer(latex: str) -> int | None:
    """Returns the one integer that `latex` stands for, or None."""
    try:
        value = evaluate(latex)
    except NotAValueError:
        return None
    return value.numerator if value.denominator == 1 else None
