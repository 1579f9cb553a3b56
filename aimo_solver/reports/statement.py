r"""Statements as HTML: text escaped, LaTeX as MathML, which browsers draw without any script.

Guarantees: whatever the text holds, the HTML holds no markup of it. Formulas that cannot be read
are shown as they were written, and so are Asymptote figures.
"""

from __future__ import annotations

import html
import re
from typing import Final

from latex2mathml.converter import convert

_PARTS: Final = re.compile(
    r"""
    (?P<figure>\[asy\].*?\[/asy\])
    | \$\$(?P<dollars>.+?)\$\$ | \\\[(?P<brackets>.+?)\\\]
    | (?P<lines>\\begin\{(?P<name>align\*?|gather\*?|equation\*?)\}.+?\\end\{(?P=name)\})
    | (?<!\\)\$(?P<inline>.+?)(?<!\\)\$ | \\\((?P<round>.+?)\\\)
    | \\\$
    """,
    re.S | re.X,
)


def statement_html(text: str) -> str:
    """Paragraphs of text and MathML."""
    pieces: list[str] = []
    end = 0
    for match in _PARTS.finditer(text):
        pieces.append(_plain(text[end : match.start()]))
        pieces.append(_part(match))
        end = match.end()
    pieces.append(_plain(text[end:]))
    return "".join(pieces)


def _plain(text: str) -> str:
    escaped = html.escape(text)
    return re.sub(r"\n\s*\n", "<br><br>", escaped)


def _part(match: re.Match[str]) -> str:
    if match[0] == r"\$":
        return "$"
    if figure := match["figure"]:
        return f"<details><summary>figure (Asymptote)</summary><pre>{html.escape(figure)}</pre></details>"
    if inline := match["inline"] or match["round"]:
        return _math(inline, "inline")
    return _math(match["dollars"] or match["brackets"] or match["lines"], "block")


def _math(latex: str, display: str) -> str:
    try:
        mathml = convert(latex.strip(), display=display)
    except Exception:  # noqa: BLE001 - whatever it raises, the formula is shown as it was written
        return f"<code>{html.escape(latex)}</code>"
    # It escapes text itself; should it ever let an element through, that is no formula.
    if re.search(r"<\s*(script|img|a|svg|iframe|style|object|embed)\b|\son\w+\s*=", mathml, re.I):
        return f"<code>{html.escape(latex)}</code>"
    return mathml
