"""Check: whether a set of problems is the one its manifest describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aimo_solver.problems.problem import Problem, answer_rule
from aimo_solver.problems.sets.manifest import Manifest, canonical_hash
from aimo_solver.utils.text import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of a check."""

    name: str
    count: int
    sha256: str
    same: bool
    """Whether count and hash agree with the manifest, as far as it has them."""
    text: str
    """The result in one sentence."""


def check_set(manifest: Manifest, problems: Sequence[Problem]) -> Verdict:
    """Checks count, answers and hash against the manifest."""
    count, sha256 = len(problems), canonical_hash(problems)
    fault = _fault(manifest, problems, count, sha256)
    if fault is not None:
        text = fault
    elif manifest.sha256 is None:
        text = f"{plural(count, 'problem')}, hash {sha256}; unverified: {manifest.unverified}"
    else:
        text = f"{plural(count, 'problem')}; ids and answers agree with the manifest"
    return Verdict(name=manifest.name, count=count, sha256=sha256, same=fault is None, text=text)


def _fault(manifest: Manifest, problems: Sequence[Problem], count: int, sha256: str) -> str | None:
    unanswered = [problem.id for problem in problems if problem.gold is None]
    if unanswered:
        return f"{plural(len(unanswered), 'problem')} without an answer, the first is {unanswered[0]!r}"
    if manifest.count is not None and count != manifest.count:
        return f"has {plural(count, 'problem')}, the manifest says {manifest.count}; take the rows that its rule names"
    if manifest.sha256 is not None and sha256 != manifest.sha256:
        return f"some id or answer differs from the manifest (hash {sha256}); compare it with the corrections"
    rule = answer_rule(manifest.answer_rule)
    outside = [problem.id for problem in problems if problem.gold is not None and rule.apply(problem.gold) is None]
    if outside:
        return f"{plural(len(outside), 'answer')} outside the rule {rule.name}, the first is that of {outside[0]!r}"
    return None
