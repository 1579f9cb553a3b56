"""Number theory families."""

from demo_model.families.family import Family
from demo_model.families.number_theory.digits import DIGITS
from demo_model.families.number_theory.divisors import DIVISORS
from demo_model.families.number_theory.primes import PRIMES
from demo_model.families.number_theory.remainders import REMAINDERS

NUMBER_THEORY: tuple[Family, ...] = (*DIVISORS, *REMAINDERS, *DIGITS, *PRIMES)
