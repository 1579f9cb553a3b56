"""Judging traces: several attempts at a problem, and the reply that names the right one.

A model of this size cannot see at a glance which attempt is right. So the reply goes through them: behind
each number that a program takes from the problem stands what the attempt has in its place, up to the
first that differs. To say yes or no is then to see whether two numbers beside each other are equal.

Does not guarantee that an attempt is what its program prints: the answers of wrong ones are another draw's.
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

MOST_ATTEMPTS = 3
MOST_PAIRS = 6
"""Of an attempt's numbers, how many a judge compares with the problem's."""
NONE_RIGHT_SHARE = 0.1
STRAY_SHARE = 0.25
GUESSED_SHARE = 0.2
"""Of the wrong attempts, how many solve another problem and how many ran nothing; the others have a number wrong."""


def judging_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Is shown several attempts, at most one of them right, compares their numbers with the problem's and names it."""
    problem, right = draw_statement(family, params, rng), family.brute_force(params)
    attempts = [] if rng.random() < NONE_RIGHT_SHARE else [_right_attempt(family, params, problem, rng)]
    count = rng.randint(2, MOST_ATTEMPTS)
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
    """What a judge is shown, and what it should say of it."""

    candidate: Candidate
    verdict: str


def _right_attempt(family: Family, params: Params, problem: str, rng: Random) -> _Attempt:
    text = _shown(family, params, rng)
    pairs = [f"{match[0]} {match[0]}" for match in _copied(text, problem)]
    return _Attempt(Candidate(family.brute_force(params), text), ", ".join((*pairs, "yes")))


def _wrong_attempt(family: Family, params: Params, problem: str, rng: Random) -> _Attempt:
    """One that solves another problem, one that ran nothing, or most often one with a number misread."""
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
    """With one number misread; the judge reads up to it."""
    *before, wrong = copied[: rng.randint(1, len(copied))]
    misread = _misread(wrong[0], rng)
    pairs = [f"{match[0]} {match[0]}" for match in before]
    shown = text[: wrong.start()] + misread + text[wrong.end() :]
    return _Attempt(Candidate(answer, shown), ", ".join((*pairs, f"{wrong[0]} {misread}", "no")))


def _shown(family: Family, params: Params, rng: Random) -> str:
    """An attempt as a judge is shown it: what was written after the thinking, no program of it repaired."""
    while True:
        written = [segment.text for segment in draw_solution(family, params, rng) if segment.learned]
        if len(written) == 2:
            return conclusion("</think>" + "".join(written))


def _copied(attempt: str, problem: str) -> list[re.Match[str]]:
    """Where its program has a number of the problem, the first few."""
    given, program = set(NUMBER.findall(problem)), attempt.partition("```output")[0]
    return [match for match in NUMBER.finditer(program) if match[0] in given][:MOST_PAIRS]


def _misread(number: str, rng: Random) -> str:
    """The number with one digit wrong, missing or too many."""
    place = rng.randrange(len(number))
    before, digit, after = number[:place], number[place], number[place + 1 :]
    other = rng.choice([other for other in "123456789" if other != digit])
    return rng.choice((before + other + after, before + other + digit + after, before + after or other))
