"""Judging traces: several attempts at a problem, and the reply that names the right one.

A model of this size cannot see at a glance which attempt is right, so the reply goes through them. For each
number that an attempt's program takes from the problem it writes that number followed by the one in the
attempt, up to the first pair that differs. The verdict then only depends on whether two adjacent numbers
are equal.

Not guaranteed: that a wrong attempt's answer is what its program prints; it is that of another draw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from aimo_solver.voting.genselect.candidate import Candidate, conclusion
from aimo_solver.voting.genselect.judge import judging_text
from demo_model.families import Family, Params
from demo_model.traces import (
    ANSWERS,
    NUMBER,
    Segment,
    Trace,
    draw_family,
    draw_solution,
    draw_statement,
    say_numbers,
)

MAX_ATTEMPTS = 3
MAX_PAIRS = 6
"""Numbers per attempt that the judge compares with the problem's."""
NONE_RIGHT_SHARE = 0.1
STRAY_SHARE = 0.25
"""Share of the wrong attempts that solve another problem."""
GUESSED_SHARE = 0.2
"""Share of the wrong attempts that ran no program. The remaining wrong attempts misread a number."""


def judging_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Draws a prompt with several attempts, at most one of them right, and the reply that names it."""
    problem, right = draw_statement(family, params, rng), family.brute_force(params)
    attempts = [] if rng.random() < NONE_RIGHT_SHARE else [_right_attempt(family, params, problem, rng)]
    count = rng.randint(2, MAX_ATTEMPTS)
    while len(attempts) < count:
        wrong = _wrong_attempt(family, params, problem, rng)
        if wrong.candidate.answer not in {right, *(attempt.candidate.answer for attempt in attempts)}:
            attempts.append(wrong)
    rng.shuffle(attempts)
    verdicts = (f"Attempt {place}: {attempt.verdict}" for place, attempt in enumerate(attempts))
    named = next((place for place, attempt in enumerate(attempts) if attempt.candidate.answer == right), "none")
    reply = Segment("\n".join((say_numbers(problem), *verdicts, f"Judgment: {named}")))
    return Trace(family.name, judging_text(problem, [attempt.candidate for attempt in attempts]), (reply,))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What the judge is shown, and what it should say about it."""

    candidate: Candidate
    verdict: str


def _right_attempt(family: Family, params: Params, problem: str, rng: Random) -> _Attempt:
    text = _shown(family, params, rng)
    pairs = [f"{match[0]} {match[0]}" for match in _copied(text, problem)]
    return _Attempt(Candidate(family.brute_force(params), text), ", ".join((*pairs, "yes")))


def _wrong_attempt(family: Family, params: Params, problem: str, rng: Random) -> _Attempt:
    """Draws one that solves another problem, ran no program or, most often, misread a number."""
    text = _shown(family, params, rng)
    copied = _copied(text, problem)
    kind = rng.random()
    if kind < STRAY_SHARE or not copied:
        return _Attempt(_stray_candidate(family, rng), "another problem, no")
    answer = family.brute_force(family.draw(rng))
    if kind < STRAY_SHARE + GUESSED_SHARE:
        return _Attempt(Candidate(answer, rng.choice(ANSWERS).format(answer)), "no program, no")
    text = text.replace(f"boxed{{{family.brute_force(params)}}}", f"boxed{{{answer}}}")
    return _misread_attempt(text, answer, copied, rng)


def _stray_candidate(family: Family, rng: Random) -> Candidate:
    other, params = draw_family(rng)
    while other is family:
        other, params = draw_family(rng)
    return Candidate(other.brute_force(params), _shown(other, params, rng))


def _misread_attempt(text: str, answer: int, copied: list[re.Match[str]], rng: Random) -> _Attempt:
    """Misreads one number; the judge compares the numbers up to it."""
    *before, wrong = copied[: rng.randint(1, len(copied))]
    misread = misread_number(wrong[0], rng)
    pairs = [f"{match[0]} {match[0]}" for match in before]
    shown = text[: wrong.start()] + misread + text[wrong.end() :]
    return _Attempt(Candidate(answer, shown), ", ".join((*pairs, f"{wrong[0]} {misread}", "no")))


def _shown(family: Family, params: Params, rng: Random) -> str:
    """Returns an attempt as the judge is shown it, without its thinking and without a repaired program."""
    while True:
        written = [segment.text for segment in draw_solution(family, params, rng) if segment.learned]
        if len(written) == 2:
            return conclusion("</think>" + "".join(written))


def _copied(attempt: str, problem: str) -> list[re.Match[str]]:
    """Finds the first numbers in the attempt's program that also occur in the problem."""
    given, program = set(NUMBER.findall(problem)), attempt.partition("```output")[0]
    return [match for match in NUMBER.finditer(program) if match[0] in given][:MAX_PAIRS]


def misread_number(number: str, rng: Random) -> str:
    """Returns the number with one digit changed, missing or added."""
    place = rng.randrange(len(number))
    before, digit, after = number[:place], number[place], number[place + 1 :]
    other = rng.choice([other for other in "123456789" if other != digit])
    return rng.choice((before + other + after, before + other + digit + after, before + after or other))
