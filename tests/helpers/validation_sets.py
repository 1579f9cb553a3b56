"""Small manifests and problems, to check and to fetch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aimo_solver.problems.problem import Problem
from aimo_solver.problems.sets.manifest import Manifest


def manifest(**changes: Any) -> Manifest:
    """Returns the manifest of a set named small, with these fields changed."""
    small = Manifest(name="small", title="Small", rule="all", licence="none", redistribution="nothing")
    return replace(small, **changes)


def problems(*golds: int | None) -> list[Problem]:
    """Returns one problem per gold answer."""
    return [Problem(f"p{n}", "?", gold) for n, gold in enumerate(golds)]
