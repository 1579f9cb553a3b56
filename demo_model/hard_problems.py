"""Ten hard problems written by hand, beyond what the demo model can solve.

Guarantees: no problem belongs to a training family; every answer is an integer from 0 to 99999 that
`brute_force` finds in less than two seconds with the standard library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, permutations, product
from math import gcd, isqrt


@dataclass(frozen=True, slots=True)
class HardProblem:
    """An olympiad-style problem and a function that computes its answer."""

    id: str
    problem: str
    brute_force: Callable[[], int]


def _square_products() -> int:
    return sum(
        (a + b + c) % 3 == 0 and isqrt(a * b * c) ** 2 == a * b * c for a, b, c in product(range(1, 41), repeat=3)
    )


def _eight_divisors() -> int:
    total = 0
    for n in range(1, 2001):
        digit_sum = sum(map(int, str(n)))
        if isqrt(digit_sum) ** 2 == digit_sum and sum(n % d == 0 for d in range(1, n + 1)) == 8:
            total += n
    return total % 1000


def _restless_permutations() -> int:
    return sum(
        p[0] < p[-1] and all(value != i and (value + i) % 3 != 0 for i, value in enumerate(p, start=1))
        for p in permutations(range(1, 9))
    )


def _recurrence_terms() -> int:
    terms = [1, 3]
    while len(terms) < 2000:
        terms.append(4 * terms[-1] - terms[-2])
    return sum((term % 11 == 0) != (term % 17 == 0) for term in terms)


def _grid_triangles() -> int:
    count = 0
    for (a, b), (c, d), (e, f) in combinations(product(range(6), repeat=2), 3):
        doubled = abs((c - a) * (f - b) - (d - b) * (e - a))
        count += doubled > 0 and doubled % 2 == 0 and (a + c + e) % 3 == 0 and (b + d + f) % 3 == 0
    return count


def _sixty_degrees() -> int:
    sides = {
        isqrt(square)
        for b in range(1, 400)
        for c in range(b + 1, 400)
        if isqrt(square := b * b + c * c - b * c) ** 2 == square and square <= 200**2 and gcd(b, c) == 1
    }
    return sum(sides)


def _octahedron_tours() -> int:
    good = 0
    for moves in product(range(1, 6), repeat=8):  # vertices 0..5 on a cycle, opposite ones 3 apart
        if 3 in moves:
            continue
        at, seen = 0, {0}
        for move in moves:
            at = (at + move) % 6
            seen.add(at)
        good += at == 0 and len(seen) == 6
    chance = Fraction(good, 4**8)
    return chance.numerator + chance.denominator


def _sparse_subsets() -> int:
    count = 0
    for mask in range(1 << 18):
        if mask & (mask << 1):
            continue
        members = [i + 1 for i in range(18) if mask >> i & 1]
        if sum(members) % 5 == 0 and any(k % 7 == 0 for k in members):
            count += 1
    return count


def _unit_fraction_pairs() -> int:
    count = 0
    for m in range(1, 601):
        for n in range(m, 601):
            k, rest = divmod(m * n, m + n)
            count += rest == 0 and all(k % (d * d) for d in range(2, isqrt(k) + 1))
    return count


def _cubic_coefficients() -> int:
    values: set[int] = set()
    for a in range(1, 91):
        for b in range(a + 1, 91):
            c = 90 - a - b
            if b < c < a + b:
                values.add(a * b + b * c + c * a)
    return len(values)


HARD_PROBLEMS: tuple[HardProblem, ...] = (
    HardProblem(
        "hard_01",
        r"Find the number of ordered triples $(a, b, c)$ of integers from $1$ to $40$ such that $abc$ is a perfect square and $a + b + c$ is divisible by $3$.",
        _square_products,
    ),
    HardProblem(
        "hard_02",
        r"Let $S$ be the sum of all positive integers $n \le 2000$ that have exactly $8$ positive divisors and whose sum of decimal digits is a perfect square. Find the remainder when $S$ is divided by $1000$.",
        _eight_divisors,
    ),
    HardProblem(
        "hard_03",
        r"Find the number of permutations $(p_1, p_2, \ldots, p_8)$ of $(1, 2, \ldots, 8)$ such that $p_1 < p_8$ and, for every $i$, $p_i \ne i$ and $p_i + i$ is not a multiple of $3$.",
        _restless_permutations,
    ),
    HardProblem(
        "hard_04",
        r"The sequence $a_1, a_2, \ldots$ satisfies $a_1 = 1$, $a_2 = 3$ and $a_{k+2} = 4a_{k+1} - a_k$ for $k \ge 1$. For how many $k \le 2000$ is $a_k$ divisible by exactly one of $11$ and $17$?",
        _recurrence_terms,
    ),
    HardProblem(
        "hard_05",
        r"Let $G$ be the set of points $(x, y)$ with $x, y \in \{0, 1, 2, 3, 4, 5\}$. How many non-degenerate triangles with vertices in $G$ have an area that is an integer and a centroid with integer coordinates?",
        _grid_triangles,
    ),
    HardProblem(
        "hard_06",
        r"Triangle $ABC$ has integer sides, $\angle A = 60^\circ$, $AB \ne AC$ and $\gcd(AB, AC) = 1$. Find the sum of all distinct values of $BC$ that do not exceed $200$.",
        _sixty_degrees,
    ),
    HardProblem(
        "hard_07",
        r"An ant starts at a vertex of a regular octahedron and makes $8$ moves, each along a uniformly random edge to an adjacent vertex. The probability that it ends where it started and has visited every vertex is $\frac{m}{n}$ in lowest terms. Find $m + n$.",
        _octahedron_tours,
    ),
    HardProblem(
        "hard_08",
        r"How many subsets of $\{1, 2, \ldots, 18\}$ contain no two consecutive integers, contain at least one multiple of $7$, and have a sum of elements divisible by $5$?",
        _sparse_subsets,
    ),
    HardProblem(
        "hard_09",
        r"Find the number of pairs of integers $1 \le m \le n \le 600$ such that $\frac{1}{m} + \frac{1}{n} = \frac{1}{k}$ for some positive integer $k$ that is not divisible by the square of any prime.",
        _unit_fraction_pairs,
    ),
    HardProblem(
        "hard_10",
        r"The polynomial $x^3 - 90x^2 + px - q$ has three distinct positive integer roots, which are the side lengths of a non-degenerate triangle. How many different values can $p$ take?",
        _cubic_coefficients,
    ),
)
