"""Combinatorics: permutations, colourings and rows, each asked for as a remainder."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from math import comb, factorial
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "combinatorics"


def _remainder(total: int, m: int) -> str:
    return f"{total} = {total // m} * {m} + {total % m}. The remainder is {total % m}."


def _draw_fixed_points(rng: Random) -> Params:
    n = rng.randint(6, 10)
    return {"n": n, "k": rng.randint(1, n - 3), "m": rng.randint(100, 999)}


def _fixed_points_steps(params: Params) -> str:
    n, k, m = (int(params[key]) for key in "nkm")
    moved = n - k
    derangements = [1, 0]
    while len(derangements) <= moved:
        i = len(derangements)
        derangements.append((i - 1) * (derangements[-1] + derangements[-2]))
    ways, rest = comb(n, k), derangements[moved]
    return (
        f"Choose the fixed ones: C({n}, {k}) = {ways}. The other {moved} all move: {rest} ways. "
        f"{ways} * {rest} = {ways * rest}. {_remainder(ways * rest, m)}"
    )


def _fixed_points_brute_force(params: Params) -> int:
    n, k, m = (int(params[key]) for key in "nkm")
    # For each set of used hats: how many ways give each number of matches so far.
    states = {0: Counter({0: 1})}
    for person in range(n):
        following: dict[int, Counter[int]] = {}
        for used, ways in states.items():
            for hat in range(n):
                if used >> hat & 1:
                    continue
                target = following.setdefault(used | 1 << hat, Counter())
                for matches, count in ways.items():
                    target[matches + (hat == person)] += count
        states = following
    return states[2**n - 1][k] % m


FIXED_POINTS = Family(
    name="fixed_points",
    topic=TOPIC,
    level=4,
    draw=_draw_fixed_points,
    wordings=(
        r"Let $N$ be the number of permutations of $\{1, 2, \ldots, @n\}$ with exactly $@k$ fixed points. Find the remainder when $N$ is divided by $@m$.",
        r"After a party $@n$ guests took hats at random, one each. In $N$ of the possible outcomes exactly $@k$ of them got their own hat. Find $N \bmod @m$.",
        r"There are $@n$ letters and $@n$ addressed envelopes. In $N$ ways, one letter per envelope, exactly $@k$ of the letters are placed correctly. What remainder does $N$ leave modulo $@m$?",
        r"Determine, modulo $@m$, the number of bijections $f$ from $\{1, \ldots, @n\}$ to itself such that $f(x) = x$ has exactly $@k$ solutions.",
        r"A teacher returns $@n$ tests to $@n$ students so that exactly $@k$ of them received their own test. Count the ways to do this and give the remainder on division by $@m$.",
    ),
    unseen_wordings=(
        r"Actors number $1$ to $@n$ swap coats, one coat each. Let $W$ be the number of swaps after which exactly $@k$ of them wore their own coat. Compute $W$ modulo $@m$.",
        r"The numbers $1, \ldots, @n$ are written in some order. In how many orders is exactly $@k$ the count of numbers standing in their natural place? Answer modulo $@m$.",
    ),
    thoughts=(
        "Choose the @k fixed ones, then derange the others.",
        "Build derangement counts step by step and reduce mod @m.",
    ),
    programs=(
        "from math import comb\nd = [1, 0]\nfor i in range(2, @n + 1):\n    d.append((i - 1) * (d[-1] + d[-2]))\nprint(comb(@n, @k) * d[@n - @k] % @m)",
        "from math import comb, factorial\nj = @n - @k\nd = sum((-1)**i * comb(j, i) * factorial(j - i) for i in range(j + 1))\nprint(comb(@n, @k) * d % @m)",
        "from math import comb\ndef derange(i):\n    return 1 if i == 0 else i * derange(i - 1) + (-1)**i\nprint(comb(@n, @k) * derange(@n - @k) % @m)",
    ),
    steps=_fixed_points_steps,
    brute_force=_fixed_points_brute_force,
)


def _draw_cycle_colouring(rng: Random) -> Params:
    return {"n": rng.randint(4, 12), "c": rng.randint(3, 9), "m": rng.randint(100, 999)}


def _cycle_colouring_steps(params: Params) -> str:
    n, c, m = (int(params[key]) for key in "ncm")
    power = pow(c - 1, n, m)
    sign, total = ("+", power + c - 1) if n % 2 == 0 else ("-", power - c + 1)
    return (
        f"A cycle has (c - 1)^n + (-1)^n * (c - 1) colourings. {c - 1}^{n} leaves {power} mod {m}. "
        f"{power} {sign} {c - 1} = {total}. Mod {m} this is {total % m}."
    )


def _cycle_colouring_brute_force(params: Params) -> int:
    n, c, m = (int(params[key]) for key in "ncm")
    total = 0
    for first in range(c):
        ends = {colour: int(colour == first) for colour in range(c)}
        for _ in range(n - 1):
            ends = {colour: sum(ends[other] for other in range(c) if other != colour) for colour in range(c)}
        total += sum(count for colour, count in ends.items() if colour != first)
    return total % m


CYCLE_COLOURING = Family(
    name="cycle_colouring",
    topic=TOPIC,
    level=4,
    draw=_draw_cycle_colouring,
    wordings=(
        r"The vertices of a regular $@n$-gon with labelled vertices are coloured with $@c$ colours so that adjacent vertices differ. Find the number of colourings modulo $@m$.",
        r"A circular table has $@n$ numbered seats, each painted in one of $@c$ colours. Neighbouring seats get different colours. What is the number of paintings modulo $@m$?",
        r"Let $N$ count the sequences $a_1, \ldots, a_{@n}$ with $a_i \in \{1, \ldots, @c\}$, $a_i \ne a_{i+1}$ and $a_{@n} \ne a_1$. Find the remainder of $N$ on division by $@m$.",
        r"A ring is cut into $@n$ fixed sectors. With $@c$ colours available, in how many ways can the sectors be coloured with no two touching sectors alike? Give the answer modulo $@m$.",
        r"Determine the remainder when the number of proper colourings of the cycle graph $C_{@n}$ with at most $@c$ colours is divided by $@m$.",
        r"Around a lake stand $@n$ different houses. Each is painted with one of $@c$ colours and no two neighbours match. Compute the number of possibilities modulo $@m$.",
    ),
    unseen_wordings=(
        r"On a necklace with $@n$ distinguishable positions, every bead has one of $@c$ colours and differs from both beads next to it. Find, modulo $@m$, how many patterns exist.",
        r"A group of $@n$ named friends sits in a circle. Each wears one of $@c$ kinds of hat, unlike both neighbours. Let $H$ be the number of possible outfits; compute $H \bmod @m$.",
    ),
    thoughts=(
        "A cycle has (c-1)^n + (-1)^n (c-1) proper colourings.",
        "Colour a path, then subtract the cases with equal ends; reduce mod @m.",
    ),
    programs=(
        "n, c = @n, @c\nprint(((c - 1)**n + (-1)**n * (c - 1)) % @m)",
        "p = 0\nfor i in range(2, @n + 1):\n    p = @c * (@c - 1)**(i - 1) - p\nprint(p % @m)",
        "same, diff = @c, 0\nfor i in range(@n):\n    same, diff = diff, same * (@c - 1) + diff * (@c - 2)\nprint(same % @m)",
    ),
    steps=_cycle_colouring_steps,
    brute_force=_cycle_colouring_brute_force,
)

_NAMES = ("Amir", "Bea", "Chloe", "David", "Elif", "Finn", "Greta", "Hugo", "Iris", "Jonas", "Kim", "Luca")


def _draw_row_between(rng: Random) -> Params:
    first, second = rng.sample(_NAMES, 2)
    n = rng.randint(5, 10)
    return {"n": n, "k": rng.randint(1, n - 2), "m": rng.randint(100, 999), "x": first, "y": second}


def _row_between_steps(params: Params) -> str:
    n, k, m = (int(params[key]) for key in "nkm")
    places, rest = 2 * (n - k - 1), factorial(n - 2)
    return (
        f"The two can take 2 * {n - k - 1} = {places} ordered places. The others: {n - 2}! = {rest}. "
        f"{places} * {rest} = {places * rest}. {_remainder(places * rest, m)}"
    )


def _row_between_brute_force(params: Params) -> int:
    n, k, m = (int(params[key]) for key in "nkm")
    others = sum(1 for _ in permutations(range(n - 2)))
    total = 0
    for left in range(n):
        for right in range(left + 1, n):
            if len(range(left + 1, right)) == k:
                total += others + others
    return total % m


ROW_BETWEEN = Family(
    name="row_between",
    topic=TOPIC,
    level=2,
    draw=_draw_row_between,
    wordings=(
        r"In how many ways can $@n$ people, among them @x and @y, stand in a row with exactly $@k$ of the others between @x and @y? Give the answer modulo $@m$.",
        r"@x, @y and their friends, $@n$ people in all, sit on a bench. Let $N$ be the number of orders with exactly $@k$ of them between @x and @y. Find $N \bmod @m$.",
        r"A queue has $@n$ different people, including @x and @y. Exactly $@k$ of them stand between @x and @y. Find the remainder when the number of such queues is divided by $@m$.",
        r"$@n$ runners finish a race without ties. @x and @y are two of them, with exactly $@k$ of the runners finishing between them. How many rankings are possible, modulo $@m$?",
        r"Determine, modulo $@m$, how many arrangements of $@n$ distinct persons in a line place @x and @y so that the number of persons between them is $@k$.",
        r"A photo shows $@n$ people side by side. If @x and @y are separated by exactly $@k$ of the rest, how many orders are possible? Answer with the remainder modulo $@m$.",
    ),
    unseen_wordings=(
        r"A concert has $@n$ singers who perform one after another. After one of @x and @y sings, exactly $@k$ of the others sing before the second does. Count the programmes modulo $@m$.",
        r"Books by $@n$ authors, one each, fill a shelf. The books by @x and @y have exactly $@k$ of the books between them. Find the number of orders modulo $@m$.",
    ),
    thoughts=(
        "Pick two places at distance @k + 1, in either order.",
        "The other people fill the rest in (@n - 2)! ways; reduce mod @m.",
    ),
    programs=(
        "from math import factorial\nplaces = 2 * (@n - @k - 1)\nprint(places * factorial(@n - 2) % @m)",
        "from math import factorial\npairs = sum(1 for i in range(@n) for j in range(@n) if abs(i - j) == @k + 1)\nprint(pairs * factorial(@n - 2) % @m)",
        "total = 2 * (@n - @k - 1)\nfor i in range(1, @n - 1):\n    total *= i\nprint(total % @m)",
    ),
    steps=_row_between_steps,
    brute_force=_row_between_brute_force,
)

ARRANGEMENTS: tuple[Family, ...] = (FIXED_POINTS, CYCLE_COLOURING, ROW_BETWEEN)
