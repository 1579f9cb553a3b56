r"""LaTeX tokens: the numbers, words, commands and signs of a box's content.

Left out are spacing, styles, colours, sizes, emphasis, and the letter of a multiple choice, `(C)`. A word is yielded
in lower case with an apostrophe before it: it is part of a remark, not of the arithmetic. Outside `\text` and its kin
a run of letters is a word only where it cannot be meant as a product of variables.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

UNIT: Final = "°"
"""The token that every sign of a unit becomes."""
UNIT_LETTERS: Final = frozenset("msghLl")
"""Letters that are units after a number and a space, `35 m`; `35m` may be a product."""

_TOKEN: Final = re.compile(
    r"""
      (?P<number> [1-9][0-9]{0,2}
            (?P<separator> ,\\! | , | \{,\} | \\[,;:\ ] | [\u00a0\u2009\u202f] ) [0-9]{3}
            (?: (?P=separator) [0-9]{3} )* (?![0-9]) (?: \.[0-9]+ )?
        | [0-9]+ (?: \.[0-9]+ )? | \.[0-9]+ )
    | (?P<noise> [\s~$\u200b-\u200f\ufeff] | \\[,;:!\ $()\[\]]
        | \\(?: left | right | [bB]igg?[lr]? | displaystyle | textstyle | tiny | small | large | Large | LARGE | huge
              | Huge | bf | it | rm | boldmath | limits ) (?![A-Za-z]) )
    | (?P<unit> \^ \s* (?: \\circ (?![A-Za-z]) | \{ \s* \\circ \s* \} )
        | \\(?: degree | pounds | euro | texteuro ) (?![A-Za-z]) | \\?% | [°€£₹¥] )
    | (?P<letters> [^\W\d_]+ (?: ['’-] [^\W\d_]{2,} )* [²³]? )
    | (?P<token> \\[A-Za-z]+ \*? | \\[^0-9] | . )
    """,
    re.X | re.S,
)
_HIDDEN: Final = re.compile(
    r"""
      \\(?: [hv]space | [hv]?phantom | label | tag ) \*? \s* \{ [^{}]* \}
    | \\(?: text | math | cell )? color (?: box )? \s* (?: \[ [^\]]* \] )? \s* \{ [^{}]* \}
    | \\fcolorbox \s* \{ [^{}]* \} \s* \{ [^{}]* \}
    | \\(?: bbox | framebox | fbox | boxed | num | ang | SI | qty ) (?![A-Za-z]) (?: \s* \[ [^\]]* \] ){0,2}
    """,
    re.X,
)
_EMPHASIS: Final = re.compile(
    r"(?<![\w)\]}*_`])(?P<mark>\*{1,3}|_{1,3}|`{1,3})(?! )(?P<words>[^*_`]+)(?<! )(?P=mark)(?![\w({*_`])"
)
_CHOICES: Final = (
    (re.compile(r"(?<![A-Za-z})])\(\s*(?:\\[A-Za-z]+\s*\{\s*)?[A-E](?:\s*\})?\s*\)"), " "),
    (re.compile(r"^([\s{$]*(?:\\[A-Za-z]+\s*\{\s*)*)[A-E](\s*\}?)\s*[).:](?=[^=])"), r"\1\2"),
)
_STYLES: Final = frozenset(rf"\{name}" for name in "mathit boldsymbol bm pmb underline ensuremath mathopen".split())
_TEXTS: Final = frozenset(
    rf"\{name}"
    for name in "text mathrm textrm textnormal mbox hbox textbf textit textsf texttt textsc emph mathbf mathsf"
    " operatorname operatorname* bold".split()
)
_UNITS: Final = frozenset(
    "mm cm dm km ft yd mi inch mg kg lb lbs oz ml cl dl kl ha sec min hr hrs ms ns deg rad hz khz kw kwh mph kph kmh"
    " rpm mol kpa atm cal kcal kj mj usd eur gbp cents pts sq unit units degrees dollars".split()
)
_SHORT_WORDS: Final = frozenset("is of in at to by as we it so on an or no if be do up".split())
_CJK: Final = "\u2e80"
_COUNTERS: Final = frozenset("个元种人次对度只条张天年米组")
_SIGNS: Final = str.maketrans(dict.fromkeys("−－﹣", "-") | dict(zip("：，。（）", ":,.()", strict=True)))


def is_number(token: str) -> bool:
    return token[-1:].isdecimal()


def is_word(token: str) -> bool:
    return token.startswith("'") and len(token) > 1


def latex_tokens(latex: str) -> Iterator[str]:
    """Yields the tokens; braces stay, so that they group."""
    digits = "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in latex)
    plain = _EMPHASIS.sub(r"\g<words>", _HIDDEN.sub("", digits.translate(_SIGNS)))
    for choice, left in _CHOICES:
        plain = choice.sub(left, plain)
    in_text = _TextGroups()
    before = ""
    is_apart = True
    for match in _TOKEN.finditer(plain):
        if match["noise"] is not None:
            is_apart = True
            continue
        token = _token(match, in_text=bool(in_text), before=before, is_apart=is_apart)
        if token not in _STYLES and not in_text.follows(token):
            yield token
        before, is_apart = token, False


class _TextGroups:
    r"""Which open braces are those of `\text` and its kin."""

    def __init__(self) -> None:
        self._open: list[bool] = []
        self._is_next = False

    def __bool__(self) -> bool:
        return any(self._open)

    def follows(self, token: str) -> bool:
        """Notes the token; returns whether it is a text command, which is itself left out."""
        if token in _TEXTS:
            self._is_next = True
            return True
        if token == "{":
            self._open.append(self._is_next)
        elif token == "}" and self._open:
            self._open.pop()
        self._is_next = False
        return False


def _token(match: re.Match[str], *, in_text: bool, before: str, is_apart: bool) -> str:
    if (number := match["number"]) is not None:
        # A bare comma stays: in brackets it would make a list.
        separator = match["separator"]
        return number if separator in (None, ",") else number.replace(separator, "")
    if match["unit"] is not None:
        return UNIT
    letters = match["letters"]
    if letters is None:
        return match["token"]
    return f"'{letters.lower()}" if in_text or _reads_as_words(letters, before, is_apart) else letters


def _reads_as_words(letters: str, before: str, is_apart: bool) -> bool:
    bare = letters.rstrip("²³")
    after_number = before != "" and is_number(before)
    if after_number and (bare.lower() in _UNITS or bare in _COUNTERS):
        return True
    if not is_apart and (after_number or before in ("}", ")", "]")):
        return False
    if bare in UNIT_LETTERS:
        return after_number
    return bare.lower() in _SHORT_WORDS or bare.lower() in _UNITS or _is_long_word(bare, after_number)


def _is_long_word(letters: str, after_number: bool) -> bool:
    """Whether letters are a word of three or more with at most its first in upper case; `AB` and `xy` are products."""
    if letters[:1] >= _CJK:
        return not after_number
    return len(letters) > 2 and letters[1:].islower()
