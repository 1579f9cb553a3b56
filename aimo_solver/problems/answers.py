r"""Answers: the one way from a model's text to a canonical integer, or None.

Every dialect, vote and report reads answers here, so that no two of them can disagree about what a
rollout answered.

Guaranteed, for any text:

- It never raises and never hangs: finding an answer is linear in the text, and a box's content,
  its nesting and every intermediate value are bounded before they are computed.
- Arithmetic is exact. 3.4 is not an answer, and never 3; `\boxed{0}` is 0.
- The answer satisfies the rule, and has fewer than 1,300 digits, so that `str` of it is safe.
- No number is guessed from prose. An answer is the last box, `\boxed{}`, `\fbox{}` or `\framebox{}`, or a line that
  holds only the words "Final Answer" and a value, as a heading's next line may; whichever comes last. If the last
  box holds anything but one integer value, the answer is None. An earlier box does not count instead: the model
  has withdrawn it. (An unclosed box is a cut-off sentence: it withdraws nothing and is skipped.)
- What a model says after its thinking beats what it says in it; a labelled line counts only after it. Programs,
  calls and output are not the model's word (own_words.py).
- A sentence such as "the answer is 42" counts only in the form "stated", which a preset must name, and only where
  there is neither a box nor a labelled line: sentences also speak of examples, cases and what others would say.

Choices:

- A placeholder withdraws nothing: `\boxed{}`, `\boxed{answer}`, `\boxed{...}`, `\boxed{n}`, `\boxed{m+n}`. A contest's
  answer is a number, so that a formula of letters is no other answer; `\boxed{\pi}` or `\boxed{no solution}` is one.
- Of nested boxes the outer counts, unless only the inner one holds a value: `\boxed{The area is \boxed{800}}`.
- Thousands come in groups of three: `1,024` is one number, `1,24` and `1, 024` are lists, and so
  is any bare comma inside brackets, `(100,200)`. A set of one element, `\{42\}`, is that element.
- `2^10` is 2^{10}, `\boxed 42` is 42 and `\pmod 1000` is `\pmod{1000}`, which is what models mean; TeX would take one
  digit. But `\frac42` is 4/2, as in TeX. `\\boxed`, which an escaped text holds, is `\boxed`.
- Units and other words may stand around a value as long as they leave it what it is (remarks.py): `35 cm`,
  `\text{The total is 42}`, `\textbf{(C) } 42`. A bare letter is a unit only after a space: `35 m`, while `35m` may be
  35 times m. A second number, a scale word or a condition is not left out: `42 (checked 1000 cases)`,
  `42 \text{ million}` and `42 \text{ or more}` are None.
- `m + n = 42` is 42, and so is `42 = m + n`. Between two `=`, as in `a = 3 + 4 = 7`, numbers must come to the same
  value. After `\Rightarrow` or "so" only the conclusion counts; a mere arrow needs an equation before it.
- `293 \pmod{1000}`, `1293 \bmod 1000` and `N \equiv 293 \pmod{1000}` are the least residue, 293. Where a problem asks
  for one integer, no other element of that class can be meant. It is read before the rule applies: `-7 \pmod{1000}`
  is 993, while a bare -7 is never wrapped.

Not supported, hence None: E-notation (`e` is Euler's number, and a float that large is not exact),
products by juxtaposition (`3 \frac12` may be a mixed number), `5!!`, higher roots, absolute values, number words,
sets of several elements, a letter of a multiple choice without a value.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForm, AnswerForms
from aimo_solver.problems.boxes import Box, last_box
from aimo_solver.problems.expressions import NotAValueError, evaluate
from aimo_solver.problems.own_words import own_words
from aimo_solver.problems.printed import last_printed
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.problems.statements import last_labelled, last_stated

_NO_VALUE: Final = Fraction(1, 2)
"""What an unreadable box stands for: no integer."""


def read_answer(text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY, *, thought: str = "") -> int | None:
    """Returns the integer that is given as the answer in one of the forms, under `rule`, or None.

    `text` is what the model says after its thinking, `thought` what it says before that.
    """
    words = own_words(text)
    value = _boxed_or_labelled(words)
    if value is None and AnswerForm.STATED in forms:
        value = last_stated(words)
    if value is None and thought:
        value = _boxed(last_box(own_words(thought)))
    return None if value is None or value.denominator != 1 else rule.apply(value.numerator)


def extract_answer(text: str, rule: AnswerRule) -> int | None:
    """Returns the integer that `text` gives as its answer in the default form, under `rule`, or None."""
    return read_answer(text, rule)


def read_printed_integer(text: str, rule: AnswerRule) -> int | None:
    """Returns the integer that a program's output ends with, under `rule`, or None.

    `np.int64(17)` is 17, `12,345` is 12345, 3.14 is none; printed.py says what else is, and has all of an output's.
    """
    return last_printed(text, rule)


def last_boxed(text: str) -> str | None:
    """Returns the content of the last complete box that is no placeholder; of nested ones, the outer."""
    box = last_box(text)
    return None if box is None else box.content


def parse_integer(latex: str) -> int | None:
    """Returns the one integer that `latex` stands for, or None."""
    value = _value(latex)
    return value.numerator if value is not None and value.denominator == 1 else None


def _boxed_or_labelled(words: str) -> Fraction | None:
    """Returns the value of what comes last; None if there is neither a box nor a labelled line."""
    box, labelled = last_box(words), last_labelled(words)
    if labelled is not None and (box is None or box.end <= labelled.end):
        return labelled.value
    return _boxed(box)


def _boxed(box: Box | None) -> Fraction | None:
    """Returns the value of a box, which is no integer if it is unreadable; None if there is no box."""
    if box is None:
        return None
    value = _value(box.content)
    if value is None and (inner := box.only_inner) is not None:
        value = _value(inner)
    return _NO_VALUE if value is None else value


def _value(latex: str) -> Fraction | None:
    try:
        return evaluate(latex)
    except NotAValueError:
        return None
