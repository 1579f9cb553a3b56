"""Combinatorics: committees, fair shares, surveys, pairs."""

from __future__ import annotations

from itertools import combinations
from math import comb
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "combinatorics"


def _draw_committee(rng: Random) -> Params:
    return {"m": rng.randint(4, 9), "w": rng.randint(4, 9), "k": rng.randint(4, 6), "a": rng.randint(2, 3)}


def _committee_steps(params: Params) -> str:
    m, w, k, a = (int(params[key]) for key in "mwka")
    cases = [(j, comb(w, j), comb(m, k - j)) for j in range(a, k + 1)]
    shown = ", ".join(f"{j}: {x} * {y} = {x * y}" for j, x, y in cases)
    terms = " + ".join(str(x * y) for _, x, y in cases)
    return f"Split by the number of women. {shown}. {terms} = {sum(x * y for _, x, y in cases)}."


def _committee_brute_force(params: Params) -> int:
    m, w, k, a = (int(params[key]) for key in "mwka")
    is_woman = [0] * m + [1] * w
    return sum(sum(chosen) >= a for chosen in combinations(is_woman, k))


COMMITTEE = Family(
    name="committee",
    topic=TOPIC,
    level=2,
    draw=_draw_committee,
    wordings=(
        r"A committee of $@k$ people is chosen from $@m$ men and $@w$ women. In how many ways can it contain at least $@a$ women?",
        r"A club has $@m$ male and $@w$ female members. How many teams of $@k$ members include $@a$ or more females?",
        r"From a group of $@m$ boys and $@w$ girls a teacher picks $@k$ children. Find the number of possible choices with at least $@a$ girls.",
        r"Determine the number of ways to select $@k$ persons out of $@w$ women and $@m$ men so that no fewer than $@a$ women are selected.",
        r"There are $@m$ men and $@w$ women on a board. How many $@k$-person subcommittees have at least $@a$ women on them?",
        r"A jury of size $@k$ must have at least $@a$ women. If $@m$ men and $@w$ women are available, how many juries are possible?",
    ),
    unseen_wordings=(
        r"An orchestra auditions $@w$ women and $@m$ men for $@k$ equal places. How many outcomes give the women at least $@a$ of the places?",
        r"Let $M$ and $W$ be disjoint sets with $|M| = @m$ and $|W| = @w$. How many $@k$-element subsets of $M \cup W$ contain at least $@a$ elements of $W$?",
    ),
    thoughts=(
        "Sum over the number j of women, from @a to @k.",
        "With j women there are C(@w, j) * C(@m, @k - j) choices.",
    ),
    programs=(
        "from math import comb\nprint(sum(comb(@w, j) * comb(@m, @k - j) for j in range(@a, @k + 1)))",
        "from math import comb\ntotal = 0\nfor j in range(@a, @k + 1):\n    total += comb(@w, j) * comb(@m, @k - j)\nprint(total)",
        "from math import comb\nbad = sum(comb(@w, j) * comb(@m, @k - j) for j in range(@a))\nprint(comb(@m + @w, @k) - bad)",
    ),
    steps=_committee_steps,
    brute_force=_committee_brute_force,
)

_NAMES = ("Ada", "Ben", "Carl", "Dina", "Emil", "Fay", "Gus", "Hana", "Ivan", "Jill", "Kofi", "Lena")
_ITEMS = ("marbles", "apples", "cookies", "coins", "stickers", "candies")


def _draw_fair_share(rng: Random) -> Params:
    limit = rng.randint(5, 15)
    first, second, third = rng.sample(_NAMES, 3)
    total = rng.randint(limit + 1, 3 * limit - 3)
    return {"n": total, "c": limit, "x": first, "y": second, "z": third, "item": rng.choice(_ITEMS)}


def _fair_share_steps(params: Params) -> str:
    n, c = int(params["n"]), int(params["c"])
    free, over_one = comb(n + 2, 2), comb(n - c + 1, 2)
    over_two = comb(max(n - 2 * c, 0), 2)
    return (
        f"Without the limit: C({n + 2}, 2) = {free}. One person above {c}: 3 * {over_one} = {3 * over_one}. "
        f"Two above: 3 * {over_two} = {3 * over_two}. "
        f"{free} - {3 * over_one} + {3 * over_two} = {free - 3 * over_one + 3 * over_two}."
    )


def _fair_share_brute_force(params: Params) -> int:
    n, c = int(params["n"]), int(params["c"])
    count = 0
    for first in range(c + 1):
        for second in range(c + 1):
            for third in range(c + 1):
                if first + second + third == n:
                    count += 1
    return count


FAIR_SHARE = Family(
    name="fair_share",
    topic=TOPIC,
    level=3,
    draw=_draw_fair_share,
    wordings=(
        r"In how many ways can $@n$ identical @item be given to @x, @y and @z if nobody gets more than $@c$?",
        r"@x, @y and @z share $@n$ identical @item so that each of them has at most $@c$. How many distributions are possible?",
        r"Find the number of ways to split $@n$ indistinguishable @item among @x, @y and @z, where each person receives between $0$ and $@c$.",
        r"There are $@n$ identical @item in a box. @x, @y and @z empty it, each taking no more than $@c$. In how many ways can this happen?",
        r"A bag of $@n$ identical @item is divided between @x, @y and @z. Some may get none, but none may get over $@c$. Count the divisions.",
        r"Let $x, y, z$ be the numbers of @item owned by @x, @y and @z. If $x + y + z = @n$ and $0 \le x, y, z \le @c$, how many triples $(x, y, z)$ are possible?",
    ),
    unseen_wordings=(
        r"@x, @y and @z each have a pocket that holds up to $@c$ @item. In how many ways can $@n$ identical @item be put into the three pockets?",
        r"Together @x, @y and @z own exactly $@n$ @item, all alike, and no one owns more than $@c$. How many possibilities are there for the three amounts?",
    ),
    thoughts=(
        "Try each share from 0 to @c for the first two people.",
        "Count triples from 0 to @c with sum @n.",
    ),
    programs=(
        "print(sum(1 for x in range(@c + 1) for y in range(@c + 1) if 0 <= @n - x - y <= @c))",
        "from itertools import product\nprint(sum(1 for t in product(range(@c + 1), repeat=3) if sum(t) == @n))",
        "count = 0\nfor x in range(@c + 1):\n    for y in range(@c + 1):\n        if 0 <= @n - x - y <= @c:\n            count += 1\nprint(count)",
    ),
    steps=_fair_share_steps,
    brute_force=_fair_share_brute_force,
)

_LIKES = ("chess", "music", "tennis", "poetry", "drama", "golf", "biology", "French", "Spanish", "swimming")


def _draw_survey(rng: Random) -> Params:
    first, second = rng.sample(_LIKES, 2)
    both, neither = rng.randint(3, 60), rng.randint(3, 99)
    one, two = both + rng.randint(5, 90), both + rng.randint(5, 90)
    return {"n": one + two - both + neither, "a": one, "b": two, "c": both, "x": first, "y": second}


def _survey_steps(params: Params) -> str:
    n, a, b, c = (int(params[key]) for key in "nabc")
    union = a + b - c
    return f"At least one: {a} + {b} - {c} = {union}. Neither: {n} - {union} = {n - union}."


def _survey_brute_force(params: Params) -> int:
    n, a, b, c = (int(params[key]) for key in "nabc")
    people = ["both"] * c + ["first"] * (a - c) + ["second"] * (b - c)
    while len(people) < n:
        people.append("neither")
    return people.count("neither")


SURVEY = Family(
    name="survey",
    topic=TOPIC,
    level=1,
    draw=_draw_survey,
    wordings=(
        r"Of $@n$ students, $@a$ like @x, $@b$ like @y and $@c$ like both. How many like neither @x nor @y?",
        r"In a school with $@n$ pupils, $@a$ pupils chose @x and $@b$ chose @y; $@c$ of them chose both. Find the number of pupils who chose neither.",
        r"A survey of $@n$ people shows that $@a$ enjoy @x, $@b$ enjoy @y, and $@c$ enjoy both activities. How many people enjoy none of the two?",
        r"Among $@n$ campers, $@c$ signed up for both @x and @y. In total $@a$ signed up for @x and $@b$ for @y. How many signed up for nothing?",
        r"The @x club has $@a$ members and the @y club has $@b$ members, with $@c$ people in both clubs. How many of the $@n$ people in town are in neither club?",
        r"Exactly $@a$ of $@n$ guests practise @x. Exactly $@b$ practise @y, and exactly $@c$ practise both. Determine how many guests practise neither.",
    ),
    unseen_wordings=(
        r"At a college of $@n$ freshmen there are $@a$ fans of @x, $@b$ fans of @y, and $@c$ who are fans of both. How many freshmen are fans of neither?",
        r"A poll asks $@n$ voters about @x and @y. It finds $@a$ in favour of @x, $@b$ in favour of @y, $@c$ in favour of both. How many favour neither one?",
    ),
    thoughts=(
        "Use inclusion-exclusion: at least one is @a + @b - @c.",
        "Subtract the size of the union from @n.",
    ),
    programs=(
        "union = @a + @b - @c\nprint(@n - union)",
        "first = set(range(@a))\nsecond = set(range(@a - @c, @a - @c + @b))\nprint(@n - len(first | second))",
        "def neither(n, a, b, both):\n    return n - (a + b - both)\nprint(neither(@n, @a, @b, @c))",
    ),
    steps=_survey_steps,
    brute_force=_survey_brute_force,
)


def _draw_far_pairs(rng: Random) -> Params:
    n = rng.randint(15, 80)
    return {"n": n, "d": rng.randint(2, n - 5)}


def _far_pairs_steps(params: Params) -> str:
    n, d = int(params["n"]), int(params["d"])
    k = n - d
    return (
        f"A gap g has 2 * ({n} - g) ordered pairs. For g from {d} to {n - 1} this is 2 * (1 + ... + {k}). "
        f"That equals {k} * {k + 1} = {k * (k + 1)}."
    )


def _far_pairs_brute_force(params: Params) -> int:
    n, d = int(params["n"]), int(params["d"])
    count = 0
    for small in range(1, n + 1):
        large = small + d
        while large <= n:
            count += 2
            large += 1
    return count


FAR_PAIRS = Family(
    name="far_pairs",
    topic=TOPIC,
    level=1,
    draw=_draw_far_pairs,
    wordings=(
        r"How many ordered pairs $(a, b)$ of integers with $1 \le a, b \le @n$ satisfy $|a - b| \ge @d$?",
        r"Find the number of ordered pairs $(x, y)$ of elements of $\{1, 2, \ldots, @n\}$ that differ by at least $@d$.",
        r"Two numbers $a$ and $b$ are chosen in order, with repetition, from $1$ to $@n$. For how many choices is $|a - b|$ not less than $@d$?",
        r"Let $S = \{1, 2, \ldots, @n\}$. Determine how many pairs $(a, b) \in S \times S$ have absolute difference $@d$ or more.",
        r"In how many ways can Alice and Bob each write an integer from $1$ to $@n$ so that their numbers are at least $@d$ apart?",
        r"Count the pairs of positive integers $(p, q)$, both at most $@n$, for which $|p - q| \ge @d$. The pairs $(p, q)$ and $(q, p)$ are different.",
    ),
    unseen_wordings=(
        r"A white and a black token are placed on squares numbered $1$ to $@n$, possibly on the same square. In how many placements is their distance at least $@d$?",
        r"How many points $(x, y)$ of the grid $\{1, \ldots, @n\}^2$ lie in the region $|x - y| \ge @d$?",
    ),
    thoughts=(
        "Loop over a and b up to @n; test abs(a - b) >= @d.",
        "Each gap g from @d up has 2 * (@n - g) pairs.",
    ),
    programs=(
        "print(sum(1 for a in range(1, @n + 1) for b in range(1, @n + 1) if abs(a - b) >= @d))",
        "count = 0\nfor a in range(1, @n + 1):\n    for b in range(1, @n + 1):\n        if abs(a - b) >= @d:\n            count += 1\nprint(count)",
        "print(sum(2 * (@n - g) for g in range(@d, @n)))",
    ),
    steps=_far_pairs_steps,
    brute_force=_far_pairs_brute_force,
)

COUNTING: tuple[Family, ...] = (COMMITTEE, FAIR_SHARE, SURVEY, FAR_PAIRS)
