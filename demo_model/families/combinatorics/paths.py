"""Combinatorics: lattice paths, binary strings, coins, subset sums."""

from __future__ import annotations

from itertools import combinations
from math import comb, gcd
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "combinatorics"


def _draw_lattice_avoid(rng: Random) -> Params:
    a, b = rng.randint(3, 8), rng.randint(3, 7)
    return {"a": a, "b": b, "p": rng.randint(1, a - 1), "q": rng.randint(1, b - 1)}


def _lattice_avoid_steps(params: Params) -> str:
    a, b, p, q = (int(params[key]) for key in "abpq")
    every, before, after = comb(a + b, a), comb(p + q, p), comb(a + b - p - q, a - p)
    through = before * after
    return (
        f"All paths: C({a + b}, {a}) = {every}. Through the point: C({p + q}, {p}) * C({a + b - p - q}, {a - p}) "
        f"= {before} * {after} = {through}. {every} - {through} = {every - through}."
    )


def _lattice_avoid_brute_force(params: Params) -> int:
    a, b, p, q = (int(params[key]) for key in "abpq")
    return sum(sum(step < p + q for step in rights) != p for rights in combinations(range(a + b), a))


LATTICE_AVOID = Family(
    name="lattice_avoid",
    topic=TOPIC,
    level=3,
    draw=_draw_lattice_avoid,
    wordings=(
        r"How many paths from $(0, 0)$ to $(@a, @b)$ using unit steps right or up do not pass through $(@p, @q)$?",
        r"An ant walks from the origin to $(@a, @b)$, each move being one unit right or one unit up. In how many ways can it avoid the point $(@p, @q)$?",
        r"Find the number of shortest lattice paths from $(0, 0)$ to $(@a, @b)$ that miss the point $(@p, @q)$.",
        r"A robot at $(0, 0)$ moves by $(1, 0)$ or $(0, 1)$ until it reaches $(@a, @b)$. The cell $(@p, @q)$ is blocked. How many routes are there?",
        r"In a city grid a taxi drives $@a$ blocks east and $@b$ blocks north from $(0, 0)$. The crossing $(@p, @q)$ is closed. How many shortest routes remain?",
        r"Determine how many up-right paths join the origin with $(@a, @b)$ without visiting $(@p, @q)$.",
    ),
    unseen_wordings=(
        r"A king's messenger rides only east or north from $(0, 0)$ to a castle at $(@a, @b)$, one unit at a time. Robbers wait at $(@p, @q)$. How many safe rides exist?",
        r"A token starts at the origin, and each turn one of its two coordinates grows by $1$. In how many ways can it reach $(@a, @b)$ without ever being at $(@p, @q)$?",
    ),
    thoughts=(
        "Count all paths and subtract those through (@p, @q).",
        "Use a table of path counts with 0 at (@p, @q).",
    ),
    programs=(
        "from math import comb\ntotal = comb(@a + @b, @a)\nbad = comb(@p + @q, @p) * comb(@a - @p + @b - @q, @a - @p)\nprint(total - bad)",
        "def paths(x, y):\n    if x < 0 or y < 0 or (x, y) == (@p, @q):\n        return 0\n    if x == y == 0:\n        return 1\n    return paths(x - 1, y) + paths(x, y - 1)\nprint(paths(@a, @b))",
        "row = [1] + [0] * @b\nfor x in range(@a + 1):\n    for y in range(@b + 1):\n        if y > 0:\n            row[y] += row[y - 1]\n        if (x, y) == (@p, @q):\n            row[y] = 0\nprint(row[@b])",
    ),
    steps=_lattice_avoid_steps,
    brute_force=_lattice_avoid_brute_force,
)


def _draw_binary_runs(rng: Random) -> Params:
    n, k = rng.randint(9, 14), rng.randint(2, 4)
    return {"n": n, "k": k, "t": rng.choice([t for t in range(max(k, 3), n - 1) if t < (k - 1) * (n - t + 1)])}


def _binary_runs_steps(params: Params) -> str:
    n, k, t = (int(params[key]) for key in "nkt")
    gaps = n - t + 1
    terms = [comb(gaps, i) * comb(n - k * i, n - t) for i in range(t // k + 1)]
    total = sum(term if i % 2 == 0 else -term for i, term in enumerate(terms))
    shown = str(terms[0]) + "".join(f" {'-+'[i % 2 == 0]} {term}" for i, term in enumerate(terms) if i)
    return (
        f"The {n - t} zeros make {gaps} gaps, each with at most {k - 1} ones. "
        f"Inclusion-exclusion over gaps with {k} or more: {shown} = {total}."
    )


def _binary_runs_brute_force(params: Params) -> int:
    n, k, t = (int(params[key]) for key in "nkt")

    def extend(length: int, ones: int, run: int) -> int:
        if run == k or ones > t:
            return 0
        if length == n:
            return int(ones == t)
        return extend(length + 1, ones, 0) + extend(length + 1, ones + 1, run + 1)

    return extend(0, 0, 0)


BINARY_RUNS = Family(
    name="binary_runs",
    topic=TOPIC,
    level=4,
    draw=_draw_binary_runs,
    wordings=(
        r"How many binary strings of length $@n$ have exactly $@t$ ones and no $@k$ consecutive ones?",
        r"A coin is tossed $@n$ times and shows heads $@t$ times. How many such sequences have no run of $@k$ heads in a row?",
        r"Find the number of sequences of $@n$ letters, each $A$ or $B$, with exactly $@t$ letters $A$ and without $@k$ adjacent letters $A$.",
        r"In a row of $@n$ lamps exactly $@t$ are lit, and no $@k$ neighbouring lamps are all lit. How many patterns are possible?",
        r"Determine how many ways $@t$ of $@n$ seats in a row can be occupied so that no block of $@k$ adjacent seats is full.",
        r"How many subsets of $\{1, 2, \ldots, @n\}$ have $@t$ elements and contain no $@k$ consecutive integers?",
    ),
    unseen_wordings=(
        r"A team plays $@n$ matches, wins $@t$ and loses the rest, and never wins $@k$ in a row. How many win-loss records are possible?",
        r"Along a road with $@n$ plots, $@t$ houses are built, one per plot, so that no $@k$ successive plots are all built on. Count the possible layouts.",
    ),
    thoughts=(
        "Check every binary number below 2^@n for a run of @k ones.",
        "Put @t ones into the gaps between zeros, fewer than @k per gap.",
    ),
    programs=(
        "run = '1' * @k\nprint(sum(1 for x in range(2**@n) if bin(x).count('1') == @t and run not in bin(x)))",
        "from math import comb\ng = @n - @t\nprint(sum((-1)**i * comb(g + 1, i) * comb(@n - @k * i, g) for i in range(@t // @k + 1)))",
        "run = '1' * @k\ncount = 0\nfor x in range(2**@n):\n    s = bin(x)\n    if run not in s and s.count('1') == @t:\n        count += 1\nprint(count)",
    ),
    steps=_binary_runs_steps,
    brute_force=_binary_runs_brute_force,
)


def _draw_coin_ways(rng: Random) -> Params:
    a, b, c = rng.randint(1, 3), rng.randint(4, 7), rng.randint(8, 15)
    n = rng.randint(30, 99)
    return {"n": n - n % gcd(a, b, c), "a": a, "b": b, "c": c}


def _coin_ways_steps(params: Params) -> str:
    n, a, b, c = (int(params[key]) for key in "nabc")
    ways = [sum((rest - y) % a == 0 for y in range(0, rest + 1, b)) for rest in range(n, -1, -c)]
    return (
        f"Take 0, 1, 2 and so on up to {n // c} coins of {c}. Ways to pay the rest with {a} and {b}: "
        f"{' + '.join(map(str, ways))} = {sum(ways)}."
    )


def _coin_ways_brute_force(params: Params) -> int:
    n, a, b, c = (int(params[key]) for key in "nabc")
    return sum(
        a * x + b * y + c * z == n for z in range(n // c + 1) for y in range(n // b + 1) for x in range(n // a + 1)
    )


COIN_WAYS = Family(
    name="coin_ways",
    topic=TOPIC,
    level=2,
    draw=_draw_coin_ways,
    wordings=(
        r"In how many ways can $@n$ cents be paid with coins of $@a$, $@b$ and $@c$ cents? The order of the coins does not matter.",
        r"Find the number of triples $(x, y, z)$ of non-negative integers with $@a x + @b y + @c z = @n$.",
        r"A shop sells boxes of $@a$, $@b$ and $@c$ pens. How many combinations of boxes hold exactly $@n$ pens?",
        r"Stamps are worth $@a$, $@b$ and $@c$ crowns. How many different collections of stamps are worth exactly $@n$ crowns?",
        r"Determine how many ways there are to write $@n$ as a sum of parts equal to $@a$, $@b$ or $@c$, where order is ignored.",
        r"Arrows score $@a$, $@b$ or $@c$ points. How many multisets of scores add up to exactly $@n$ points?",
    ),
    unseen_wordings=(
        r"Rods have lengths $@a$, $@b$ and $@c$, with plenty of each. How many selections of rods have total length exactly $@n$, regardless of order?",
        r"A vending machine takes tokens worth $@a$, $@b$ and $@c$. In how many ways can a price of $@n$ be paid exactly, if only the number of each token counts?",
    ),
    thoughts=(
        "Fill a table of ways coin by coin, up to @n.",
        "Choose the number of @b and @c coins, then check divisibility by @a.",
    ),
    programs=(
        "ways = [1] + [0] * @n\nfor coin in (@a, @b, @c):\n    for s in range(coin, @n + 1):\n        ways[s] += ways[s - coin]\nprint(ways[@n])",
        "print(sum(1 for z in range(0, @n + 1, @c) for y in range(0, @n - z + 1, @b) if (@n - z - y) % @a == 0))",
        "def ways(n, coins):\n    if not coins:\n        return n == 0\n    return sum(ways(n - s, coins[1:]) for s in range(0, n + 1, coins[0]))\nprint(ways(@n, [@c, @b, @a]))",
    ),
    steps=_coin_ways_steps,
    brute_force=_coin_ways_brute_force,
)


def _draw_subset_sums(rng: Random) -> Params:
    return {"n": rng.randint(6, 16), "m": rng.randint(3, 15)}


def _subset_sums_steps(params: Params) -> str:
    n, m = int(params["n"]), int(params["m"])
    counts = [1] + [0] * (m - 1)
    for k in range(1, n):
        counts = [counts[r] + counts[(r - k) % m] for r in range(m)]
    without, rest = counts[0], -n % m
    return (
        f"Follow the sums mod {m}. With numbers up to {n - 1}, residue 0 has {without} subsets "
        f"and residue {rest} has {counts[rest]}. Adding {n} to the latter gives residue 0. "
        f"{without} + {counts[rest]} = {without + counts[rest]}."
    )


def _subset_sums_brute_force(params: Params) -> int:
    n, m = int(params["n"]), int(params["m"])
    sums = [0]
    for k in range(1, n + 1):
        sums += [total + k for total in sums]
    return sum(total % m == 0 for total in sums)


SUBSET_SUMS = Family(
    name="subset_sums",
    topic=TOPIC,
    level=5,
    draw=_draw_subset_sums,
    wordings=(
        r"How many subsets of $\{1, 2, \ldots, @n\}$, including the empty set, have a sum divisible by $@m$?",
        r"Find the number of subsets $A$ of $\{1, 2, \ldots, @n\}$ whose sum of elements is a multiple of $@m$. The empty set counts, with sum $0$.",
        r"Cards are numbered $1$ to $@n$. In how many ways can some cards (possibly none) be chosen so that their total is divisible by $@m$?",
        r"Determine the number of sets $T \subseteq \{1, \ldots, @n\}$ with $\sum_{t \in T} t \equiv 0 \pmod{@m}$, where the empty sum is $0$.",
        r"A set of integers is called neat if the sum of its elements leaves remainder $0$ on division by $@m$. How many subsets of $\{1, \ldots, @n\}$ are neat, the empty set included?",
    ),
    unseen_wordings=(
        r"Weights of $1, 2, \ldots, @n$ grams lie on a table. How many selections, the empty one among them, weigh a multiple of $@m$ grams?",
        r"Each integer from $1$ to $@n$ is either kept or erased. How many outcomes leave numbers with total divisible by $@m$? (Erasing everything leaves total $0$.)",
    ),
    thoughts=(
        "Keep the count of subsets for each sum mod @m.",
        "Add the numbers 1 to @n one by one; each is taken or not.",
    ),
    programs=(
        "d = [1] + [0] * (@m - 1)\nfor k in range(1, @n + 1):\n    d = [d[r] + d[(r - k) % @m] for r in range(@m)]\nprint(d[0])",
        "def count(k, s):\n    if k == 0:\n        return s == 0\n    key = (k, s)\n    if key not in memo:\n        memo[key] = count(k - 1, s) + count(k - 1, (s + k) % @m)\n    return memo[key]\nmemo = {}\nprint(count(@n, 0))",
        "from collections import Counter\nc = Counter([0])\nfor k in range(1, @n + 1):\n    new = Counter(c)\n    for s in c:\n        new[(s + k) % @m] += c[s]\n    c = new\nprint(c[0])",
    ),
    steps=_subset_sums_steps,
    brute_force=_subset_sums_brute_force,
)

PATHS: tuple[Family, ...] = (LATTICE_AVOID, BINARY_RUNS, COIN_WAYS, SUBSET_SUMS)
