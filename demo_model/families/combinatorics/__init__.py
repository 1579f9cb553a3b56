"""Combinatorics families."""

from demo_model.families.combinatorics.arrangements import ARRANGEMENTS
from demo_model.families.combinatorics.counting import COUNTING
from demo_model.families.combinatorics.paths import PATHS
from demo_model.families.combinatorics.probability import PROBABILITY
from demo_model.families.family import Family

COMBINATORICS: tuple[Family, ...] = (*COUNTING, *PATHS, *PROBABILITY, *ARRANGEMENTS)
