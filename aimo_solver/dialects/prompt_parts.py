"""Parts of a prompt: which of its tokens come from which text, so that what a text costs can be seen.

Guarantees: the parts in their order hold every token once; a token that two texts share belongs to the text in which it
begins. A text that the checkpoint's template has changed is counted as the template's.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aimo_solver.dialects.prompt import Prompt
from aimo_solver.engine.base import Tokenizer

TEMPLATE = "template"
"""The name of the parts that the checkpoint's template or the dialect writes."""


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A part of a prompt."""

    name: str
    """system, tool, example, user (the text around the problem), problem, prefill or template."""
    text: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    name: str


def prompt_parts(
    token_ids: Sequence[int], problem: str, tokenizer: Tokenizer, *, prompt: Prompt, prefill: str = ""
) -> tuple[PromptPart, ...]:
    """Returns the parts of a whole prompt."""
    text = tokenizer.decode(token_ids)
    places = [0]
    parts: list[PromptPart] = []
    for span in _whole(_spans(text, problem, prompt, prefill), len(text)):
        place = len(token_ids) if span.end == len(text) else _tokens_before(span.end, token_ids, tokenizer)
        parts.append(PromptPart(span.name, text[span.start : span.end], tuple(token_ids[places[-1] : place])))
        places.append(place)
    return tuple(parts)


def _tokens_before(end: int, token_ids: Sequence[int], tokenizer: Tokenizer) -> int:
    """Returns how many tokens begin before that place in the text."""
    return bisect_left(range(len(token_ids)), end, key=lambda count: len(tokenizer.decode(token_ids[:count])))


def _spans(text: str, problem: str, prompt: Prompt, prefill: str) -> Iterator[_Span]:
    """Yields where the texts stand, in any order."""
    end = len(text)
    if prefill and text.rstrip().endswith(prefill.rstrip()):
        end = text.rindex(prefill.rstrip())
        yield _Span(end, len(text), "prefill")
    user = _find(text, prompt.user(problem), "user", 0, end, last=True)
    if user is not None:
        end = user.start
        inside = text.find(problem.strip(), user.start + len(prompt.before_problem.lstrip()), user.end)
        yield from (
            _Span(user.start, inside, "user"),
            _Span(inside, inside + len(problem.strip()), "problem"),
            _Span(inside + len(problem.strip()), user.end, "user"),
        )
    for name, wanted in (("system", prompt.system), ("tool", prompt.tool)):
        found = _find(text, wanted, name, 0, end)
        if found is not None:
            yield found
    start = 0
    for message in prompt.messages(problem)[:-1]:
        found = _find(text, message["content"], "example", start, end)
        if found is not None:
            start = found.end
            yield found


def _find(text: str, wanted: str, name: str, start: int, end: int, *, last: bool = False) -> _Span | None:
    """Finds a text as it is, trimmed, or inside JSON."""
    find = text.rfind if last else text.find
    for written in (wanted, wanted.strip(), json.dumps(wanted, ensure_ascii=False)[1:-1]):
        place = find(written, start, end) if written else -1
        if place >= 0:
            return _Span(place, place + len(written), name)
    return None


def _whole(spans: Iterator[_Span], end: int) -> Iterator[_Span]:
    """Yields the spans in their order, and what is between them as the template's."""
    place = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start < place or span.start == span.end:
            continue
        if span.start > place:
            yield _Span(place, span.start, TEMPLATE)
        yield span
        place = span.end
    if place < end:
        yield _Span(place, end, TEMPLATE)
