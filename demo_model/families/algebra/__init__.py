"""Algebra families."""

from demo_model.families.algebra.equations import EQUATIONS
from demo_model.families.algebra.functions import FUNCTIONS
from demo_model.families.algebra.sequences import SEQUENCES
from demo_model.families.algebra.word_problems import WORD_PROBLEMS
from demo_model.families.family import Family

ALGEBRA: tuple[Family, ...] = (*EQUATIONS, *SEQUENCES, *FUNCTIONS, *WORD_PROBLEMS)
