"""Geometry families with integer answers: lattice points, triangles, solids."""

from demo_model.families.family import Family
from demo_model.families.geometry.lattice import LATTICE
from demo_model.families.geometry.solids import SOLIDS
from demo_model.families.geometry.triangles import TRIANGLES

GEOMETRY: tuple[Family, ...] = (*LATTICE, *TRIANGLES, *SOLIDS)
