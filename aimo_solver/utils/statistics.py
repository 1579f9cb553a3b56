"""Estimates: means with 95 % intervals, bootstrapped over problems, and McNemar's test.

The random numbers are seeded, so that the same values always give the same interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:  # numpy takes a tenth of a second to import, and most commands never need it.
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Indices: TypeAlias = NDArray[np.int64]

RESAMPLES: Final = 2000
_ENDS: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def estimate_mean(values: Sequence[float] | Floats) -> Estimate:
    """Returns the mean of one value per problem, with its interval over problems."""
    import numpy as np

    array = np.asarray(values, dtype=np.float64)
    return estimate(float(array.mean()), array[resamples(len(array))].mean(axis=1))


def estimate(mean: float, resampled: Floats) -> Estimate:
    """Returns the mean with the interval that its resampled values span; NaN among them is left out."""
    import numpy as np

    low, high = np.nanquantile(resampled, _ENDS)
    return Estimate(mean, float(low), float(high))


def resamples(problems: int) -> Indices:
    """Returns the indices of the problems in each resample; the shape is (RESAMPLES, problems)."""
    import numpy as np

    return np.random.default_rng(0).integers(problems, size=(RESAMPLES, problems))


def mcnemar(only_first: int, only_second: int) -> float:
    """Returns McNemar's exact two-sided p-value: the chance of a split this uneven, were it a fair coin's."""
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**n) if n else 1.0
