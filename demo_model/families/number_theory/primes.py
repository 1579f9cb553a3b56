"""Number theory: primes, prime factors and sums of two squares."""

from __future__ import annotations

from math import gcd, isqrt
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "number theory"


def _draw_prime_sum(rng: Random) -> Params:
    while True:
        m = rng.randint(4, 12)
        r = rng.randint(1, m - 1)
        if gcd(r, m) == 1:
            return {"n": rng.randint(50, 190), "m": m, "r": r}


def _prime_sum_steps(params: Params) -> str:
    n, m, r = (int(params[key]) for key in "nmr")
    primes = [k for k in range(r, n, m) if k > 1 and all(k % d for d in range(2, isqrt(k) + 1))]
    totals = [sum(primes[: i + 1]) for i in range(len(primes))]
    return f"The primes are {', '.join(map(str, primes))}. Running sums: {', '.join(map(str, totals))}."


def _prime_sum_brute_force(params: Params) -> int:
    n, m, r = (int(params[key]) for key in "nmr")
    composite = {a * b for a in range(2, n) for b in range(2, n // a + 1)}
    return sum(k for k in range(2, n) if k not in composite and k % m == r)


PRIME_SUM = Family(
    name="prime_sum",
    topic=TOPIC,
    level=2,
    draw=_draw_prime_sum,
    wordings=(
        r"Find the sum of all primes less than $@n$ that leave remainder $@r$ when divided by $@m$.",
        r"Compute the sum of the prime numbers $p < @n$ with $p \equiv @r \pmod{@m}$.",
        r"What do all primes of the form $@m t + @r$ with integer $t \ge 0$ that are smaller than $@n$ add up to?",
        r"Let $P$ be the set of primes below $@n$ that are congruent to $@r$ modulo $@m$. Determine the sum of the elements of $P$.",
        r"Clara adds every prime number under $@n$ whose remainder on division by $@m$ is $@r$. What total does she obtain?",
        r"Evaluate $\sum p$ over all primes $p$ such that $p < @n$ and $p$ has residue $@r$ modulo $@m$.",
    ),
    unseen_wordings=(
        r"In the progression $@r, @r + @m, @r + 2 \cdot @m, \ldots$ mark the primes below $@n$. What is the sum of the marked numbers?",
        r"A prime $p$ is called special if $p = @m q + @r$ for some nonnegative integer $q$. Add all special primes that do not reach $@n$.",
    ),
    thoughts=(
        "Test each k below @n for being prime and k % @m == @r.",
        "Step from @r by @m and add the primes below @n.",
    ),
    programs=(
        "def prime(k):\n    return k > 1 and all(k % d for d in range(2, k))\nprint(sum(k for k in range(@r, @n, @m) if prime(k)))",
        "from math import isqrt\ntotal = 0\nfor p in range(2, @n):\n    if p % @m == @r and all(p % d for d in range(2, isqrt(p) + 1)):\n        total += p\nprint(total)",
        "primes = []\nfor k in range(2, @n):\n    if all(k % p for p in primes):\n        primes.append(k)\nprint(sum(p for p in primes if p % @m == @r))",
    ),
    steps=_prime_sum_steps,
    brute_force=_prime_sum_brute_force,
)


def _draw_largest_factor(rng: Random) -> Params:
    while True:
        a, b, c = rng.randint(6, 60), rng.randint(6, 90), rng.randint(1, 99)
        n = a * b + c
        if any(n % d == 0 for d in range(2, isqrt(n) + 1)):
            return {"a": a, "b": b, "c": c}


def _largest_factor_steps(params: Params) -> str:
    a, b, c = (int(params[key]) for key in "abc")
    factors, left, d = list[int](), a * b + c, 2
    while left > 1:
        if left % d == 0:
            factors.append(d)
            left //= d
        else:
            d += 1
    return (
        f"{a} * {b} = {a * b}. {a * b} + {c} = {a * b + c}. {a * b + c} = {' * '.join(map(str, factors))}. "
        f"The largest prime is {factors[-1]}."
    )


def _largest_factor_brute_force(params: Params) -> int:
    a, b, c = (int(params[key]) for key in "abc")
    n = a * b + c
    for d in range(n, 1, -1):
        if n % d == 0 and all(d % e for e in range(2, d)):
            return d
    raise ValueError(f"{n} has no prime factor")


LARGEST_PRIME_FACTOR = Family(
    name="largest_prime_factor",
    topic=TOPIC,
    level=1,
    draw=_draw_largest_factor,
    wordings=(
        r"Find the largest prime factor of $@a \cdot @b + @c$.",
        r"What is the greatest prime that divides $@a \times @b + @c$?",
        r"Let $N = @a \cdot @b + @c$. Determine the largest prime number $p$ with $p \mid N$.",
        r"The number $@a \cdot @b + @c$ is written as a product of primes. Which is the biggest of these primes?",
        r"Dan multiplies $@a$ by $@b$ and adds $@c$. What is the largest prime divisor of his result?",
        r"Factor the integer $(@a)(@b) + @c$ completely and give its maximal prime factor.",
    ),
    unseen_wordings=(
        r"A garden has $@a$ rows of $@b$ plants and $@c$ more plants outside. What is the largest prime that divides the total number of plants?",
        r"Among all primes $p$ for which $@a \cdot @b + @c$ is a multiple of $p$, which one is the greatest?",
    ),
    thoughts=(
        "Compute @a * @b + @c and divide out small factors.",
        "Divide by d as long as possible; the last d is the answer.",
    ),
    programs=(
        "n = @a * @b + @c\nd = 2\nwhile d < n:\n    if n % d == 0:\n        n //= d\n    else:\n        d += 1\nprint(n)",
        "n = @a * @b + @c\np = 2\nwhile n > 1:\n    while n % p == 0:\n        n //= p\n        best = p\n    p += 1\nprint(best)",
        "n = @a * @b + @c\nds = [d for d in range(2, n + 1) if n % d == 0]\nprint(max(d for d in ds if all(d % e or d == e for e in ds)))",
    ),
    steps=_largest_factor_steps,
    brute_force=_largest_factor_brute_force,
)


def _draw_two_squares(rng: Random) -> Params:
    a = rng.randint(1, 600)
    return {"a": a, "b": a + rng.randint(12, 115)}


def _two_squares_steps(params: Params) -> str:
    a, b = int(params["a"]), int(params["b"])
    found: dict[int, str] = {}
    for x in range(1, isqrt(b) + 1):
        for y in range(x, isqrt(b) + 1):
            if a <= x * x + y * y <= b:
                found.setdefault(x * x + y * y, f"{x * x}+{y * y}")
    sums = ", ".join(found[n] for n in sorted(found))
    return f"The different sums are {sums}. Their number is {len(found)}."


def _two_squares_brute_force(params: Params) -> int:
    a, b = int(params["a"]), int(params["b"])
    squares = [k * k for k in range(1, b + 1) if k * k < b]
    return sum(any(n - square in squares for square in squares) for n in range(a, b + 1))


TWO_SQUARES = Family(
    name="two_squares",
    topic=TOPIC,
    level=5,
    draw=_draw_two_squares,
    wordings=(
        r"How many integers $n$ with $@a \le n \le @b$ can be written as $x^2 + y^2$ with positive integers $x$ and $y$?",
        r"Find the number of integers from $@a$ to $@b$ inclusive that are the sum of two positive perfect squares.",
        r"Count the distinct values between $@a$ and $@b$, both included, taken by $x^2 + y^2$ for positive integers $x, y$.",
        r"For how many integers $n \in [@a, @b]$ does the equation $x^2 + y^2 = n$ have a solution in positive integers?",
        r"An integer is called pythagorean if it equals the sum of two nonzero squares. Determine how many pythagorean integers $n$ satisfy $@a \le n \le @b$.",
        r"Let $T = \{x^2 + y^2 : x, y \in \mathbb{Z}, x, y \ge 1\}$. How many elements of $T$ lie in the interval $[@a, @b]$?",
    ),
    unseen_wordings=(
        r"How many circles $x^2 + y^2 = n$, with $n$ an integer from $@a$ to $@b$, pass through a point whose coordinates are both positive integers?",
        r"Two square arrays of dots, each with at least one dot, hold $n$ dots together. How many integers $n$ with $@a \le n \le @b$ are possible?",
    ),
    thoughts=(
        "Collect the sums of two squares between @a and @b in a set.",
        "For each n test if n minus a square is a square.",
    ),
    programs=(
        "from math import isqrt\nr = range(1, isqrt(@b) + 1)\nprint(len({x * x + y * y for x in r for y in r} & set(range(@a, @b + 1))))",
        "found = set()\nfor x in range(1, 28):\n    for y in range(1, x + 1):\n        if @a <= x * x + y * y <= @b:\n            found.add(x * x + y * y)\nprint(len(found))",
        "from math import isqrt\ndef ok(n):\n    return any(isqrt(n - x * x) ** 2 == n - x * x for x in range(1, isqrt(n - 1) + 1))\nprint(sum(ok(n) for n in range(@a, @b + 1)))",
    ),
    steps=_two_squares_steps,
    brute_force=_two_squares_brute_force,
)

PRIMES: tuple[Family, ...] = (PRIME_SUM, LARGEST_PRIME_FACTOR, TWO_SQUARES)
