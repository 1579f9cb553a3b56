"""Check: whether a set of problems is the one its manifest describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aimo_solver.problems.problem import ANSWER_RULES, Problem
from aimo_solver.problems.sets.manifest import Manifest, canonical_hash


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found."""

    name: str
    count: int
    sha256: str
    same: bool
    """Whether count and hash are the manifest's, as far as it names them."""
    text: str
    """In one sentence."""


def check_set(manifest: Manifest, problems: Sequence[Problem]) -> Verdict:
    """Holds count, answers and hash against the manifest."""
    count, sha256 = len(problems), canonical_hash(problems)
    fault = _fault(manifest, problems, count, sha256)
    if fault is not None:
        text = fault
    elif manifest.sha256 is None:
        text = f"{count} problems, hash {sha256}; unverified: {manifest.unverified}"
    else:
        text = f"{count} problems, ids and answers are the manifest's"
    return Verdict(manifest.name, count, sha256, fault is None, text)


def _fault(manifest: Manifest, problems: Sequence[Problem], count: int, sha256: str) -> str | None:
    unanswered = [problem.id for problem in problems if problem.gold is None]
    if unanswered:
        return f"{len(unanswered)} problems have no answer, the first is {unanswered[0]!r}"
    if manifest.count is not None and count != manifest.count:
        return f"has {count} problems, the manifest says {manifest.count}; take the rows that its rule names"
    if manifest.sha256 is not None and sha256 != manifest.sha256:
        return f"has another id or answer than the manifest (hash {sha256}); compare it with the corrections"
    rule = ANSWER_RULES[manifest.answer_rule]
    outside = [problem.id for problem in problems if problem.gold is not None and rule.apply(problem.gold) is None]
    if outside:
        return f"{len(outside)} answers are outside the rule {rule.name}, the first is that of {outside[0]!r}"
    return None
