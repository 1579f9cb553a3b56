"""Number theory: powers, squares and systems of congruences modulo m."""

from __future__ import annotations

from math import gcd
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "number theory"


def _draw_power_mod(rng: Random) -> Params:
    while True:
        a, b = rng.randint(2, 99), rng.randint(12, 999)
        m = rng.choice((100, 1000)) if rng.random() < 0.2 else rng.randint(13, 999)
        if pow(a, b, m) > 1:
            return {"a": a, "b": b, "m": m}


def _power_mod_steps(params: Params) -> str:
    a, b, m = (int(params[key]) for key in "abm")
    exponents = [b]
    while exponents[-1] > 1:
        exponents.append(exponents[-1] // 2)
    ladder = ", ".join(f"{a}^{e} = {pow(a, e, m)}" for e in reversed(exponents))
    return f"Square step by step modulo {m}: {ladder}."


def _power_mod_brute_force(params: Params) -> int:
    a, b, m = (int(params[key]) for key in "abm")
    product = 1
    for _ in range(b):
        product *= a
    return product - product // m * m


POWER_MOD = Family(
    name="power_mod",
    topic=TOPIC,
    level=2,
    draw=_draw_power_mod,
    wordings=(
        r"Find the remainder when $@a^{@b}$ is divided by $@m$.",
        r"Compute $@a^{@b} \bmod @m$.",
        r"What is the least nonnegative integer $r$ with $@a^{@b} \equiv r \pmod{@m}$?",
        r"The number $@a$ is multiplied by itself so that $@b$ equal factors appear. What remainder does the product leave on division by $@m$?",
        r"Let $N = @a^{@b}$. Determine the residue of $N$ modulo $@m$.",
        r"A sequence has $x_1 = @a$ and $x_{k+1} = @a x_k$. What is the remainder of $x_{@b}$ modulo $@m$?",
    ),
    unseen_wordings=(
        r"If $@a^{@b} = @m q + r$ with integers $q$ and $0 \le r < @m$, what is $r$?",
        r"Someone deals out $@a^{@b}$ coins equally among $@m$ pirates, as many as possible each. How many coins are left over?",
    ),
    thoughts=(
        "Use modular exponentiation: pow(@a, @b, @m).",
        "Multiply by @a again and again, reducing modulo @m.",
        "Python integers are big, so compute the power directly.",
    ),
    programs=(
        "print(pow(@a, @b, @m))",
        "r = 1\nfor _ in range(@b):\n    r = r * @a % @m\nprint(r)",
        "from functools import reduce\nprint(reduce(lambda r, _: r * @a % @m, range(@b), 1))",
    ),
    steps=_power_mod_steps,
    brute_force=_power_mod_brute_force,
)


def _draw_crt(rng: Random) -> Params:
    while True:
        p, q, s = sorted(rng.sample(range(3, 18), 3))
        if gcd(p, q) == gcd(p, s) == gcd(q, s) == 1:
            i, j, k = rng.randint(1, p - 1), rng.randint(1, q - 1), rng.randint(1, s - 1)
            return {"p": p, "q": q, "s": s, "i": i, "j": j, "k": k}


def _crt_steps(params: Params) -> str:
    p, q, s, i, j, k = (int(params[key]) for key in "pqsijk")
    first = j
    while first % p != i:
        first += q
    tried = [first]
    while tried[-1] % s != k:
        tried.append(tried[-1] + p * q)
    return (
        f"The first two conditions give {first} modulo {p * q}. Add {p * q} until the remainder "
        f"by {s} is {k}: {', '.join(map(str, tried))}."
    )


def _crt_brute_force(params: Params) -> int:
    p, q, s, i, j, k = (int(params[key]) for key in "pqsijk")
    limit = p * q * s + 1
    return min(set(range(i, limit, p)) & set(range(j, limit, q)) & set(range(k, limit, s)))


REMAINDER_SYSTEM = Family(
    name="remainder_system",
    topic=TOPIC,
    level=3,
    draw=_draw_crt,
    wordings=(
        r"Find the smallest positive integer that leaves remainder $@i$ when divided by $@p$, remainder $@j$ when divided by $@q$, and remainder $@k$ when divided by $@s$.",
        r"What is the least positive $n$ with $n \equiv @i \pmod{@p}$, $n \equiv @j \pmod{@q}$ and $n \equiv @k \pmod{@s}$?",
        r"A box of marbles is counted in groups of $@p$, $@q$ and $@s$, and $@i$, $@j$ and $@k$ marbles are left over, respectively. What is the least possible number of marbles?",
        r"Determine the minimum $n > 0$ such that $@p \mid n - @i$, $@q \mid n - @j$ and $@s \mid n - @k$.",
        r"A natural number has residues $@i, @j, @k$ modulo $@p, @q, @s$, in that order. How small can it be?",
        r"Solve the system $x \equiv @i \ (@p)$, $x \equiv @j \ (@q)$, $x \equiv @k \ (@s)$ and report the smallest positive solution.",
    ),
    unseen_wordings=(
        r"Soldiers march in rows of $@p$ with $@i$ over; in rows of $@q$, $@j$ over; in rows of $@s$, $@k$ over. At least how many soldiers are there?",
        r"Let $n$ be the first positive term common to the progressions $@i + @p t$, $@j + @q t$ and $@k + @s t$, $t \ge 0$. Find $n$.",
    ),
    thoughts=(
        "Try n = 1, 2, 3 until all three remainders fit.",
        "Step through @i modulo @p and test the other two remainders.",
        "The answer is at most @p * @q * @s, so search.",
    ),
    programs=(
        "n = 1\nwhile (n % @p, n % @q, n % @s) != (@i, @j, @k):\n    n += 1\nprint(n)",
        "from itertools import count\nprint(next(n for n in count(@i, @p) if n % @q == @j and n % @s == @k))",
        "n = @i\nwhile n % @q != @j:\n    n += @p\nwhile n % @s != @k:\n    n += @p * @q\nprint(n)",
    ),
    steps=_crt_steps,
    brute_force=_crt_brute_force,
)

_PRIMES = tuple(p for p in range(29, 400) if all(p % d for d in range(2, 20)))


def _draw_order(rng: Random) -> Params:
    while True:
        p, a = rng.choice(_PRIMES), rng.randint(2, 60)
        if a % p and all(pow(a, k, p) != 1 for k in range(1, 7)):
            return {"a": a, "p": p}


def _order_steps(params: Params) -> str:
    a, p = int(params["a"]), int(params["p"])
    order, left, d = p - 1, p - 1, 2
    tests: list[str] = []
    while left > 1:
        if left % d:
            d += 1
            continue
        left //= d
        if order % d == 0:
            value = pow(a, order // d, p)
            test = f"{a}^{order // d} = {value}"
            if test not in tests:
                tests.append(test)
            if value == 1:
                order //= d
    return (
        f"The order divides {p - 1}. Remove primes while the power stays 1 modulo {p}: "
        f"{', '.join(tests)}. The order is {order}."
    )


def _order_brute_force(params: Params) -> int:
    a, p = int(params["a"]), int(params["p"])
    seen: list[int] = []
    value = a % p
    while value not in seen:
        seen.append(value)
        value = value * a % p
    return len(seen)


ORDER = Family(
    name="order_modulo",
    topic=TOPIC,
    level=4,
    draw=_draw_order,
    wordings=(
        r"Find the smallest positive integer $k$ such that $@a^k \equiv 1 \pmod{@p}$.",
        r"What is the multiplicative order of $@a$ modulo $@p$?",
        r"Determine the least $k \ge 1$ for which $@a^k - 1$ is divisible by the prime $@p$.",
        r"The remainders of $@a, @a^2, @a^3, \ldots$ on division by $@p$ repeat periodically. What is the length of the period?",
        r"How many different remainders do the powers $@a^1, @a^2, @a^3, \ldots$ leave when divided by $@p$?",
        r"Let $k$ be the first positive exponent with the property that $@p$ divides $@a^k - 1$. Compute $k$.",
    ),
    unseen_wordings=(
        r"Starting from $1$, a machine multiplies by $@a$ and reduces modulo $@p$ at each step. After how many steps does it first show $1$ again?",
        r"Compute the size of the subgroup generated by $@a$ in the group of nonzero residues modulo $@p$.",
    ),
    thoughts=(
        "Multiply by @a modulo @p until the value is 1.",
        "Count the distinct powers of @a modulo @p.",
        "Test exponents k = 1, 2, 3 with pow.",
    ),
    programs=(
        "k = 1\nx = @a % @p\nwhile x != 1:\n    x = x * @a % @p\n    k += 1\nprint(k)",
        "from itertools import count\nprint(next(k for k in count(1) if pow(@a, k, @p) == 1))",
        "print(len({pow(@a, k, @p) for k in range(@p)}))",
    ),
    steps=_order_steps,
    brute_force=_order_brute_force,
)


def _draw_square_residues(rng: Random) -> Params:
    while True:
        m = rng.randint(11, 60)
        a = rng.randint(1, m - 1) ** 2 % m
        if a:
            return {"a": a, "m": m, "n": rng.randint(100, 1500)}


def _square_residues_steps(params: Params) -> str:
    a, m, n = (int(params[key]) for key in "amn")
    roots = [x for x in range(1, m + 1) if (x * x - a) % m == 0]
    full, rest = divmod(n, m)
    tail = sum(x <= rest for x in roots)
    return (
        f"The roots modulo {m} are {', '.join(map(str, roots))}: {len(roots)} in each block. "
        f"{n} = {full} * {m} + {rest}. The rest has {tail}. "
        f"{full} * {len(roots)} + {tail} = {full * len(roots) + tail}."
    )


def _square_residues_brute_force(params: Params) -> int:
    a, m, n = (int(params[key]) for key in "amn")
    residue = count = 0
    for k in range(1, n + 1):
        residue += 2 * k - 1
        while residue >= m:
            residue -= m
        count += residue == a
    return count


SQUARE_RESIDUES = Family(
    name="square_residues",
    topic=TOPIC,
    level=4,
    draw=_draw_square_residues,
    wordings=(
        r"How many integers $x$ with $1 \le x \le @n$ satisfy $x^2 \equiv @a \pmod{@m}$?",
        r"Find the number of positive integers $k$ not greater than $@n$ for which $k^2 - @a$ is divisible by $@m$.",
        r"Among the squares $1^2, 2^2, \ldots, @n^2$, how many leave remainder $@a$ when divided by $@m$?",
        r"Count the solutions of the congruence $x^2 \equiv @a \pmod{@m}$ in the set $\{1, 2, \ldots, @n\}$.",
        r"For how many $x \in [1, @n]$, $x$ an integer, is $\frac{x^2 - @a}{@m}$ an integer?",
        r"A positive integer is nice if its square, divided by $@m$, leaves remainder $@a$. How many nice integers are at most $@n$?",
    ),
    unseen_wordings=(
        r"Each of the numbers from $1$ to $@n$ is squared and reduced modulo $@m$. How often does the result $@a$ occur?",
        r"Determine how many of the first $@n$ perfect squares, starting from $1$, are congruent to $@a$ modulo $@m$.",
    ),
    thoughts=(
        "Square each x up to @n and compare the remainder with @a.",
        "Find the roots modulo @m and count them in 1 to @n.",
    ),
    programs=(
        "print(sum(x * x % @m == @a for x in range(1, @n + 1)))",
        "count = 0\nfor x in range(1, @n + 1):\n    if x * x % @m == @a:\n        count += 1\nprint(count)",
        "from collections import Counter\nprint(Counter(x * x % @m for x in range(1, @n + 1))[@a])",
    ),
    steps=_square_residues_steps,
    brute_force=_square_residues_brute_force,
)

REMAINDERS: tuple[Family, ...] = (POWER_MOD, REMAINDER_SYSTEM, ORDER, SQUARE_RESIDUES)
