"""Number theory: divisors, multiples and common factors."""

from __future__ import annotations

from math import gcd, lcm
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "number theory"


def _draw_coprime_count(rng: Random) -> Params:
    return {"n": rng.randint(20, 400), "m": rng.choice((6, 10, 12, 14, 15, 18, 20, 21, 24, 28, 30, 35, 42))}


def _coprime_count_steps(params: Params) -> str:
    n, m = int(params["n"]), int(params["m"])
    block = sum(gcd(k, m) == 1 for k in range(1, m + 1))
    full, rest = divmod(n, m)
    tail = sum(gcd(k, m) == 1 for k in range(1, rest + 1))
    return (
        f"In each block of {m} there are {block} coprime numbers. {n} = {full} * {m} + {rest}. "
        f"The rest has {tail}. {full} * {block} + {tail} = {full * block + tail}."
    )


def _coprime_count_brute_force(params: Params) -> int:
    n, m = int(params["n"]), int(params["m"])
    return sum(not any(k % d == 0 and m % d == 0 for d in range(2, k + 1)) for k in range(1, n + 1))


COPRIME_COUNT = Family(
    name="coprime_count",
    topic=TOPIC,
    level=2,
    draw=_draw_coprime_count,
    wordings=(
        r"How many integers from $1$ to $@n$ are relatively prime to $@m$?",
        r"Find the number of positive integers $k \le @n$ such that $\gcd(k, @m) = 1$.",
        r"Let $S$ be the set of positive integers not exceeding $@n$. How many elements of $S$ share no common factor greater than $1$ with $@m$?",
        r"Determine how many of the numbers $1, 2, \ldots, @n$ are coprime to $@m$.",
        r"For how many integers $k$ with $1 \le k \le @n$ is the greatest common divisor of $k$ and $@m$ equal to $1$?",
    ),
    unseen_wordings=(
        r"Count the positive integers up to $@n$ that have no common divisor with $@m$ other than $1$.",
        r"An integer is called good when it is coprime to $@m$. How many of the first $@n$ positive integers are good?",
    ),
    thoughts=(
        "Count the k up to @n with gcd(k, @m) = 1.",
        "Loop over k from 1 to @n and test the gcd with @m.",
    ),
    programs=(
        "from math import gcd\nprint(sum(1 for k in range(1, @n + 1) if gcd(k, @m) == 1))",
        "from math import gcd\ncount = 0\nfor k in range(1, @n + 1):\n    if gcd(k, @m) == 1:\n        count += 1\nprint(count)",
    ),
    steps=_coprime_count_steps,
    brute_force=_coprime_count_brute_force,
)


def _draw_divisor_sum(rng: Random) -> Params:
    return {"n": rng.randint(6, 60) * rng.randint(6, 80)}


def _factor(n: int) -> list[tuple[int, int]]:
    """The prime factorisation of n as (prime, exponent), smallest prime first."""
    found: list[tuple[int, int]] = []
    p = 2
    while n > 1:
        exponent = 0
        while n % p == 0:
            n, exponent = n // p, exponent + 1
        if exponent:
            found.append((p, exponent))
        p += 1
    return found


def _divisor_sum_steps(params: Params) -> str:
    n = int(params["n"])
    factors = _factor(n)
    sums = [sum(p**k for k in range(e + 1)) for p, e in factors]
    total = 1
    for part in sums:
        total *= part
    powers = " * ".join(f"{p}^{e}" for p, e in factors)
    sides = ", ".join(f"{p}^{e} gives {part}" for (p, e), part in zip(factors, sums, strict=True))
    product = " * ".join(map(str, sums))
    return f"{n} = {powers}. Sums of powers: {sides}. The divisor sum is {product} = {total}."


def _divisor_sum_brute_force(params: Params) -> int:
    n = int(params["n"])
    return sum(d for d in range(1, n + 1) if d * (n // d) == n)


DIVISOR_SUM = Family(
    name="divisor_sum",
    topic=TOPIC,
    level=1,
    draw=_draw_divisor_sum,
    wordings=(
        r"Find the sum of all positive divisors of $@n$.",
        r"Compute $\sum_{d \mid @n} d$, where $d$ runs over the positive divisors.",
        r"What is $\sigma(@n)$, the sum of the positive integers that divide $@n$ evenly?",
        r"Ana writes down every positive integer that divides $@n$, including $1$ and $@n$. What is the total of her numbers?",
        r"Let $D$ be the set of positive factors of $@n$. Determine the sum of the elements of $D$.",
        r"The number $@n$ has several positive factors. If we add all of them together, itself included, what do we get?",
    ),
    unseen_wordings=(
        r"A teacher lists all the factors of $@n$ on the board and adds them up. Which number does she obtain?",
        r"To what number do all the integers $d \ge 1$ with $d \mid @n$ add up?",
    ),
    thoughts=(
        "Add every d from 1 to @n that divides @n.",
        "Divisors come in pairs d and @n // d, so stop at the root.",
        "Factor @n and multiply the sums of prime powers.",
    ),
    programs=(
        "print(sum(d for d in range(1, @n + 1) if @n % d == 0))",
        "n = @n\ntotal = 0\nfor d in range(1, n + 1):\n    if n % d == 0:\n        total += d\nprint(total)",
        "from math import isqrt\nn = @n\ns = set()\nfor d in range(1, isqrt(n) + 1):\n    if n % d == 0:\n        s |= {d, n // d}\nprint(sum(s))",
    ),
    steps=_divisor_sum_steps,
    brute_force=_divisor_sum_brute_force,
)


def _draw_multiples(rng: Random) -> Params:
    while True:
        a, b, c = rng.randint(2, 15), rng.randint(2, 15), rng.randint(2, 15)
        if a < b and b % a and a % c and b % c and c not in (a, b):
            return {"n": rng.randint(100, 2000), "a": a, "b": b, "c": c}


def _multiples_steps(params: Params) -> str:
    n, a, b, c = (int(params[key]) for key in "nabc")
    x, y, z = n // a, n // b, n // lcm(a, b)
    u, v, w = n // lcm(a, c), n // lcm(b, c), n // lcm(a, b, c)
    either, bad = x + y - z, u + v - w
    return (
        f"Multiples of {a} or {b}: {x} + {y} - {z} = {either}. "
        f"Of these, multiples of {c}: {u} + {v} - {w} = {bad}. {either} - {bad} = {either - bad}."
    )


def _multiples_brute_force(params: Params) -> int:
    n, a, b, c = (int(params[key]) for key in "nabc")
    return len((set(range(a, n + 1, a)) | set(range(b, n + 1, b))) - set(range(c, n + 1, c)))


MULTIPLES_COUNT = Family(
    name="multiples_count",
    topic=TOPIC,
    level=2,
    draw=_draw_multiples,
    wordings=(
        r"How many positive integers not exceeding $@n$ are multiples of $@a$ or $@b$ but not of $@c$?",
        r"Find the number of integers $k$ with $1 \le k \le @n$ such that $@a \mid k$ or $@b \mid k$, while $@c \nmid k$.",
        r"From the list $1, 2, \ldots, @n$ we keep the numbers divisible by $@a$ or by $@b$, then erase every multiple of $@c$. How many numbers remain?",
        r"Call a number lucky if it is divisible by at least one of $@a$ and $@b$ and is not divisible by $@c$. How many lucky numbers are there from $1$ to $@n$?",
        r"Among the first $@n$ positive integers, count those that $@c$ does not divide but $@a$ or $@b$ does.",
        r"Let $A$, $B$, $C$ be the sets of multiples of $@a$, $@b$, $@c$ in $\{1, \ldots, @n\}$. Compute $|(A \cup B) \setminus C|$.",
    ),
    unseen_wordings=(
        r"Lockers are numbered $1$ to $@n$. Those with a number divisible by $@a$ or $@b$ get opened; afterwards each multiple of $@c$ is shut. How many lockers are open?",
        r"Determine how many $k \in \{1, 2, \ldots, @n\}$ leave remainder $0$ on division by $@a$ or by $@b$, yet a nonzero remainder on division by $@c$.",
    ),
    thoughts=(
        "Test each k up to @n for divisibility by @a, @b and @c.",
        "Count multiples of @a or @b, skipping multiples of @c.",
        "Use sets: the union of two, minus the third.",
    ),
    programs=(
        "print(sum((k % @a == 0 or k % @b == 0) and k % @c != 0 for k in range(1, @n + 1)))",
        "count = 0\nfor k in range(1, @n + 1):\n    if k % @c == 0:\n        continue\n    if k % @a == 0 or k % @b == 0:\n        count += 1\nprint(count)",
        "def good(k):\n    return k % @c > 0 and (k % @a == 0 or k % @b == 0)\nprint(len([k for k in range(1, @n + 1) if good(k)]))",
    ),
    steps=_multiples_steps,
    brute_force=_multiples_brute_force,
)


def _draw_lcm_range(rng: Random) -> Params:
    while True:
        a, m = rng.randint(2, 14), rng.randint(101, 999)
        b = a + rng.randint(4, 12)
        if lcm(*range(a, b + 1)) % m:
            return {"a": a, "b": b, "m": m}


def _lcm_range_steps(params: Params) -> str:
    a, b, m = (int(params[key]) for key in "abm")
    best: dict[int, int] = {}
    for k in range(a, b + 1):
        for p, e in _factor(k):
            best[p] = max(best.get(p, 0), e)
    powers = [p**e for p, e in sorted(best.items())]
    products = [powers[0]]
    for power in powers[1:]:
        products.append(products[-1] * power % m)
    return (
        f"The largest prime powers are {', '.join(map(str, powers))}. "
        f"Multiply them one by one modulo {m}: {', '.join(map(str, products))}."
    )


def _lcm_range_brute_force(params: Params) -> int:
    a, b, m = (int(params[key]) for key in "abm")
    multiple = a
    for k in range(a + 1, b + 1):
        step = multiple
        while multiple % k:
            multiple += step
    return multiple % m


LCM_RANGE = Family(
    name="lcm_range",
    topic=TOPIC,
    level=3,
    draw=_draw_lcm_range,
    wordings=(
        r"Let $L$ be the least common multiple of all integers from $@a$ to $@b$. Find the remainder when $L$ is divided by $@m$.",
        r"Let $N$ be the smallest positive integer divisible by each of $@a, \ldots, @b$. What is $N \bmod @m$?",
        r"Compute $\operatorname{lcm}(@a, \ldots, @b)$, the lcm taken over consecutive integers, and give the answer modulo $@m$.",
        r"A positive integer is a multiple of every integer $k$ with $@a \le k \le @b$ and is as small as possible. What remainder does it leave upon division by $@m$?",
        r"Determine the residue modulo $@m$ of the lowest common multiple of the consecutive integers $@a$ through $@b$.",
    ),
    unseen_wordings=(
        r"Bells ring every $k$ minutes, one bell for each integer $k$ from $@a$ to $@b$. All ring together now, and next after $T$ minutes. Find $T$ modulo $@m$.",
        r"Which remainder on division by $@m$ has the least positive number that all of the integers in $[@a, @b]$ divide?",
    ),
    thoughts=(
        "Take the lcm of @a to @b, then the remainder by @m.",
        "Build the lcm one number at a time with the gcd.",
    ),
    programs=(
        "from math import lcm\nprint(lcm(*range(@a, @b + 1)) % @m)",
        "from math import gcd\nl = 1\nfor k in range(@a, @b + 1):\n    l = l * k // gcd(l, k)\nprint(l % @m)",
        "from functools import reduce\nfrom math import lcm\nprint(reduce(lcm, range(@a, @b + 1)) % @m)",
    ),
    steps=_lcm_range_steps,
    brute_force=_lcm_range_brute_force,
)

DIVISORS: tuple[Family, ...] = (COPRIME_COUNT, DIVISOR_SUM, MULTIPLES_COUNT, LCM_RANGE)
