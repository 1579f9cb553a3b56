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

_MAX_PARTS: Final = 400
"""Formulas, figures and code blocks per text: to draw all those of 100,000 tokens would take seconds."""
_MAX_FORMULA_CHARS: Final = 4000
_OPENING: Final = re.compile(
    r"\\\$|```|\[asy\]|\$\$?|\\\[|\\\(|\\begin\{(?P<name>align\*?|gather\*?|equation\*?)\}",
)
_CLOSINGS: Final = {"```": "```", "[asy]": "[/asy]", "$$": "$$", "\\[": "\\]", "\\(": "\\)"}
# Without a blank line, and not `$5 and $7`.
_INLINE: Final = re.compile(r"(?:(?!\n\s*\n).){1,500}?(?<!\\)\$(?!\d)", re.S)
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
    end = parts = 0
    closings = _Closings(text)
    for match in _OPENING.finditer(text):
        if match.start() < end:
            continue
        if parts >= _MAX_PARTS:
            break
        opening, start = match[0], match.end()
        stop = closings.after(opening, match["name"], start)
        if stop is None:
            continue
        pieces += (plain(text[end : match.start()]), _part(opening, text[match.start() : stop]))
        parts += 1
        end = stop
        if opening in ("$$", r"\[") and text[end : end + 1] == "\n" and text[end + 1 : end + 2] != "\n":
            end += 1  # A formula of its own line brings its own line end.
    pieces.append(plain(text[end:]))
    return "".join(pieces)


class _Closings:
    """Where parts of a text end. Linear in the text, however many parts are opened and never closed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: dict[str, int] = {}

    def after(self, opening: str, name: str | None, start: int) -> int | None:
        """Returns the end of the part whose content begins at `start`; None where it is not closed."""
        if opening == r"\$":
            return start
        if opening == "$":
            match = _INLINE.match(self._text, start)
            return None if match is None else match.end()
        closing = _CLOSINGS[opening] if name is None else rf"\end{{{name}}}"
        at = self._next.get(closing, start)
        if at < start or closing not in self._next:
            at = self._text.find(closing, start)
            self._next[closing] = at = len(self._text) if at < 0 else at
        if at == len(self._text):
            return at if opening == "```" else None  # A code block may be cut off.
        if at == start or (at - start > _MAX_FORMULA_CHARS and opening not in ("```", "[asy]")):
            return None
        return at + len(closing)


def _part(opening: str, part: str) -> str:
    if opening == r"\$":
        return "$"
    if opening == "```":
        return html.escape(part)
    if opening == "[asy]":
        return f"<details><summary>figure (Asymptote)</summary><pre>{html.escape(part)}</pre></details>"
    if opening in ("$", "$$"):
        return _math(part[len(opening) : -len(opening)], "inline" if opening == "$" else "block")
    if opening in (r"\[", r"\("):
        return _math(part[2:-2], "block" if opening == r"\[" else "inline")
    return _math(part, "block")


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
