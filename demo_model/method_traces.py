"""Traces of what methods ask of a model beyond solving: to wait, to go step by step, to answer when told to, to judge.

Each begins where the solver itself would put the model: with its wait text, its prefill, its forced
ending, its judging prompt, string for string. What the solver writes is never learned.
Waiting, going step by step and judging rest on one skill: to write down the numbers of the problem.
Does not guarantee that an attempt shown to a judge is what its program prints: its wrong answers are another draw's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from aimo_solver.dialects.numina import NUMINA
from aimo_solver.genselect.candidate import Candidate, conclusion
from aimo_solver.genselect.judge import judging_text
from demo_model.families import Family, Params
from demo_model.traces import (
    Segment,
    Trace,
    cot_trace,
    draw_family,
    draw_solution,
    draw_statement,
    draw_thought,
    tir_trace,
)

WAIT = "Wait"
"""As the preset s1 writes it."""
STEP_PREFILL = "<think>\n"
"""Asks for a solution in steps, each followed by an empty line."""
MOST_ATTEMPTS = 4
STRAY_SHARE = 0.2
"""Of the wrong attempts, how many solve another problem; the others have a number wrong."""

_NUMBER = re.compile(r"\d+")

Draw = Callable[[Family, Params, Random], Trace]


def draw_trace(rng: Random, *, code: bool) -> Trace:
    """A fresh trace of a random family: CoT, or one of `KINDS` when `code` is allowed."""
    family, params = draw_family(rng)
    draw = rng.choices(list(KINDS), list(KINDS.values()))[0] if code else cot_trace
    return draw(family, params, rng)


def waiting_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Is told once or twice to wait, reads the numbers again and goes on."""
    problem = draw_statement(family, params, rng)
    segments = [Segment(f"<think>{draw_thought(family, params, rng)}")]
    for _ in range(rng.randint(1, 2)):
        segments += [Segment(WAIT, learned=False), Segment(f", {_numbers(problem)}")]
    return Trace(family.name, problem, (*segments, Segment("</think>\n"), *draw_solution(family, params, rng)))


def stepwise_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Behind the prefill: the numbers, the plan, the program, the answer, each a step."""
    problem = draw_statement(family, params, rng)
    thought = f"Step 1: {_numbers(problem)}\n\nStep 2: {draw_thought(family, params, rng)}</think>\n\n"
    opening = (Segment(STEP_PREFILL, learned=False), Segment(thought))
    return Trace(family.name, problem, (*opening, *draw_solution(family, params, rng)))


def forced_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Is cut short behind a program's output, and gives the answer it was made to begin."""
    trace = tir_trace(family, params, rng)
    written = trace.segments[:-1]
    forced = NUMINA.close_thinking("".join(segment.text for segment in written))
    answer = Segment(f"{family.brute_force(params)}}}$.")
    return Trace(family.name, trace.problem, (*written, Segment(forced, learned=False), answer))


def judging_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Is shown several attempts, one of them right, and names it."""
    problem, right = draw_statement(family, params, rng), family.brute_force(params)
    candidates, count = [Candidate(right, _attempt(family, params, rng))], rng.randint(2, MOST_ATTEMPTS)
    while len(candidates) < count:
        wrong = _wrong_candidate(family, params, problem, rng)
        if wrong.answer not in {candidate.answer for candidate in candidates}:
            candidates.append(wrong)
    rng.shuffle(candidates)
    place = next(place for place, candidate in enumerate(candidates) if candidate.answer == right)
    reply = Segment(f"{_numbers(problem)}\nJudgment: {place}")
    return Trace(family.name, judging_text(problem, candidates), (reply,))


KINDS: dict[Draw, float] = {
    tir_trace: 0.51,
    cot_trace: 0.03,
    waiting_trace: 0.12,
    stepwise_trace: 0.14,
    forced_trace: 0.06,
    judging_trace: 0.14,
}
"""How a model learns to solve with code: each kind's share."""


def _numbers(problem: str) -> str:
    return f"the numbers are {', '.join(_NUMBER.findall(problem))}."


def _attempt(family: Family, params: Params, rng: Random) -> str:
    """As a judge is shown it: what was written after the thinking."""
    segments = tir_trace(family, params, rng).segments
    return conclusion("".join(segment.text for segment in segments if segment.learned))


def _wrong_candidate(family: Family, params: Params, problem: str, rng: Random) -> Candidate:
    if rng.random() < STRAY_SHARE:
        other, others = draw_family(rng)
        return Candidate(other.brute_force(others), _attempt(other, others, rng))
    answer = family.brute_force(family.draw(rng))
    attempt = _attempt(family, params, rng).replace(f"boxed{{{family.brute_force(params)}}}", f"boxed{{{answer}}}")
    given = set(_NUMBER.findall(problem))
    copied = [match for match in _NUMBER.finditer(attempt) if match[0] in given]
    if copied:
        match = rng.choice(copied)
        attempt = attempt[: match.start()] + _misread(match[0], rng) + attempt[match.end() :]
    return Candidate(answer, attempt)


def _misread(number: str, rng: Random) -> str:
    """The number with one digit wrong, missing or too many."""
    place = rng.randrange(len(number))
    before, digit, after = number[:place], number[place], number[place + 1 :]
    other = rng.choice([other for other in "123456789" if other != digit])
    return rng.choice((before + other + after, before + other + digit + after, before + after or other))
