"""Every problem family that the demo model is taught, by topic.

Guarantees: names are unique; the order is fixed, so a seed always gives the same problems.
"""

from demo_model.families.algebra import ALGEBRA
from demo_model.families.combinatorics import COMBINATORICS
from demo_model.families.family import Family, Params
from demo_model.families.geometry import GEOMETRY
from demo_model.families.number_theory import NUMBER_THEORY

FAMILIES: tuple[Family, ...] = (*NUMBER_THEORY, *COMBINATORICS, *ALGEBRA, *GEOMETRY)

__all__ = ["FAMILIES", "Family", "Params"]
