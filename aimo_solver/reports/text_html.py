r"""Statements and rollouts as HTML: text escaped, LaTeX as MathML, which browsers draw without any script.

Guarantees: whatever the text holds, none of it becomes markup. Formulas that cannot be read are shown as
they were written, and so are Asymptote figures and fenced code. Special tokens such as `<|im_end|>` become
elements of the class `token`, for the page to hide.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from latex2mathml.converter import convert

_MAX_FORMULAS: Final = 400
"""Formulas drawn per text: a rollout of 100,000 tokens would take seconds."""
_PARTS: Final = re.compile(
    r"""
    (?P<figure>\[asy\].*?\[/asy\])
    | (?P<fence>```.*?(?:```|\Z))
    | (?:\$\$(?P<dollars>.{1,4000}?)\$\$ | \\\[(?P<brackets>.{1,4000}?)\\\])(?:\n(?!\s*\n))?
    | (?P<lines>\\begin\{(?P<name>align\*?|gather\*?|equation\*?)\}.{1,4000}?\\end\{(?P=name)\})
    | (?<!\\)\$(?P<inline>(?:(?!\n\s*\n).){1,1000}?)(?<!\\)\$(?!\d) | \\\((?P<round>.{1,1000}?)\\\)
    | \\\$
    """,
    re.S | re.X,
)
_TOKEN: Final = re.compile(
    r"""
    <\|(?:start|channel|constrain)\|>[^<\n]{0,80}(?=<\|)  # harmony's headers, with the words that belong to them
    | <\|[^|<>\s]{1,40}\|> | <｜[^｜<>\s]{1,40}｜>
    | </?s> | <(?:bos|eos|pad|unk|start_of_turn|end_of_turn)>
    """,
    re.X,
)
_ELEMENTS: Final = re.compile(r"<\s*(script|img|a|svg|iframe|style|object|embed)\b|\son\w+\s*=", re.I)


def statement_html(text: str) -> str:
    """Returns a problem's statement: paragraphs of text and MathML."""
    return _html(text, lambda plain: re.sub(r"\n\s*\n", "<br><br>", html.escape(plain)))


def rollout_html(text: str) -> str:
    """Returns what a model wrote, for an element that keeps white space; special tokens are marked."""
    pieces: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        pieces.append(_html(text[end : match.start()], html.escape))
        pieces.append(f'<span class="token">{html.escape(match[0])}</span>')
        end = match.end()
    pieces.append(_html(text[end:], html.escape))
    return "".join(pieces)


def _html(text: str, plain: Callable[[str], str]) -> str:
    pieces: list[str] = []
    end = 0
    for count, match in enumerate(_PARTS.finditer(text)):
        if count >= _MAX_FORMULAS:
            break
        pieces += (plain(text[end : match.start()]), _part(match))
        end = match.end()
    pieces.append(plain(text[end:]))
    return "".join(pieces)


def _part(match: re.Match[str]) -> str:
    if match[0] == r"\$":
        return "$"
    if figure := match["figure"]:
        return f"<details><summary>figure (Asymptote)</summary><pre>{html.escape(figure)}</pre></details>"
    if fence := match["fence"]:
        return html.escape(fence)
    if inline := match["inline"] or match["round"]:
        return _math(inline, "inline")
    return _math(match["dollars"] or match["brackets"] or match["lines"], "block")


@lru_cache(maxsize=50_000)
def _math(latex: str, display: str) -> str:
    try:
        mathml = convert(latex.strip(), display=display)
    except Exception:  # noqa: BLE001 - whatever it raises, the formula is shown as it was written
        return f"<code>{html.escape(latex)}</code>"
    # It escapes text itself; if it ever lets an element through, that is not a formula.
    if _ELEMENTS.search(mathml):
        return f"<code>{html.escape(latex)}</code>"
    return mathml.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")
