"""The libraries that models import: which of them a session can import too.

Asked of the running interpreter without importing anything, in about a millisecond.
"""

from __future__ import annotations

import os
from importlib.machinery import PathFinder

from aimo_solver.sandbox.inside import layers

LIBRARIES = (
    *("numpy", "sympy", "scipy", "networkx", "mpmath", "pandas", "matplotlib", "numba", "gmpy2", "shapely", "sklearn"),
    *("more_itertools", "sortedcontainers", "cvxpy", "pulp", "ortools", "z3", "pysat", "galois"),
)
"""By the names of their modules, what models import most first. docs/sandbox.md says where each is."""


def importable() -> tuple[str, ...]:
    """Returns those of LIBRARIES that a session can import."""
    return tuple(name for name in LIBRARIES if can_import(name))


def can_import(name: str) -> bool:
    """Returns whether the module is installed, in a folder that sessions may read. `name` has no dots."""
    found = PathFinder.find_spec(name)
    if found is None:
        return False
    places = [found.origin] if found.origin else list(found.submodule_search_locations or ())
    folders = tuple(os.path.realpath(folder) + os.sep for folder in layers.readable_folders())
    return any(os.path.realpath(place).startswith(folders) for place in places)
