"""Algebra: integer equations, inequalities and roots."""

from __future__ import annotations

from math import gcd
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "algebra"


def _draw_line(rng: Random, largest_coefficient: int, largest_c: int) -> Params:
    """Coprime a, b >= 2 and c > a b: then a x + b y = c has a solution in positive integers."""
    while True:
        a, b = rng.randint(2, largest_coefficient), rng.randint(2, largest_coefficient)
        if gcd(a, b) == 1:
            return {"a": a, "b": b, "c": rng.randint(max(a * b + 1, 40), largest_c)}


def _positive_solutions_steps(params: Params) -> str:
    a, b, c = int(params["a"]), int(params["b"]), int(params["c"])
    first = next(x for x in range(1, b + 1) if (c - a * x) % b == 0)
    last = (c - b) // a
    span = last - first
    return (
        f"{c} - {a}x must be positive and divisible by {b}. The first such x is {first}, then every {b}. "
        f"Since y >= 1, x <= {last}. {last} - {first} = {span}. {span} // {b} + 1 = {span // b + 1}."
    )


def _positive_solutions_brute_force(params: Params) -> int:
    a, b, c = int(params["a"]), int(params["b"]), int(params["c"])
    return sum(u + v == c for u in range(a, c, a) for v in range(b, c, b))


POSITIVE_SOLUTIONS = Family(
    name="positive_solutions",
    topic=TOPIC,
    level=2,
    draw=lambda rng: _draw_line(rng, 12, 999),
    wordings=(
        r"How many ordered pairs $(x, y)$ of positive integers satisfy $@a x + @b y = @c$?",
        r"Find the number of solutions of the equation $@a x + @b y = @c$ in positive integers $x$ and $y$.",
        r"Let $N$ be the number of pairs of positive integers $(m, n)$ with $@a m + @b n = @c$. Compute $N$.",
        r"In how many ways can $@c$ be written as a positive multiple of $@a$ plus a positive multiple of $@b$?",
        r"The line $@a x + @b y = @c$ passes through how many points whose coordinates are both positive integers?",
        r"Determine how many positive integers $x$ make $\frac{@c - @a x}{@b}$ a positive integer.",
    ),
    unseen_wordings=(
        r"Poles of length $@a$ and $@b$ are laid end to end to cover exactly $@c$ metres, using at least one of each. How many combinations of pole counts are possible?",
        r"Count the lattice points with $x > 0$ and $y > 0$ that lie on $@a x + @b y = @c$.",
    ),
    thoughts=(
        "Count x where @b divides @c - @a x and y is positive.",
        "Loop over x and test whether y comes out whole and positive.",
        "Try all x with @a x < @c and count integer y.",
    ),
    programs=(
        "print(sum(1 for x in range(1, @c) if @c - @a * x > 0 and (@c - @a * x) % @b == 0))",
        "count = 0\nx = 1\nwhile @a * x < @c:\n    if (@c - @a * x) % @b == 0:\n        count += 1\n    x += 1\nprint(count)",
        "count = 0\nfor x in range(1, @c // @a + 1):\n    rest = @c - @a * x\n    if rest > 0 and rest % @b == 0:\n        count += 1\nprint(count)",
    ),
    steps=_positive_solutions_steps,
    brute_force=_positive_solutions_brute_force,
)


def _smallest_n_steps(params: Params) -> str:
    a, b = int(params["a"]), int(params["b"])
    n = int(((a * a + 4 * b) ** 0.5 - a) / 2)
    while n * n + a * n <= b:
        n += 1
    below = n - 1
    return (
        f"Write it as n(n + {a}) > {b}. {below} * {below + a} = {below * (below + a)}, not more than {b}. "
        f"{n} * {n + a} = {n * (n + a)}, more than {b}. So n = {n}."
    )


def _smallest_n_brute_force(params: Params) -> int:
    a, b = int(params["a"]), int(params["b"])
    return 1 + sum(n**2 <= b - a * n for n in range(1, b + 1))


SMALLEST_N = Family(
    name="smallest_n",
    topic=TOPIC,
    level=1,
    draw=lambda rng: {"a": rng.randint(2, 60), "b": rng.randint(100, 9999)},
    wordings=(
        r"Find the smallest positive integer $n$ such that $n^2 + @a n > @b$.",
        r"What is the least positive integer $n$ for which $n^2 + @a n$ exceeds $@b$?",
        r"Let $f(n) = n^2 + @a n$. Determine the smallest positive integer $n$ with $f(n) > @b$.",
        r"A rectangle has sides $n$ and $n + @a$, where $n$ is a positive integer. Find the smallest $n$ for which its area is greater than $@b$.",
        r"The product of the positive integers $n$ and $n + @a$ is larger than $@b$. What is the least possible value of $n$?",
    ),
    unseen_wordings=(
        r"For how small a positive integer $k$ does the inequality $k(k + @a) > @b$ first hold?",
        r"The values $x^2 + @a x$ are listed for $x = 1, 2, 3, \ldots$ At which $x$ does the list first pass above $@b$?",
    ),
    thoughts=(
        "Increase n until n^2 + @a n is more than @b.",
        "Loop n upward from 1 and stop when n(n + @a) > @b.",
    ),
    programs=(
        "n = 1\nwhile n * n + @a * n <= @b:\n    n += 1\nprint(n)",
        "print(next(n for n in range(1, @b) if n * n + @a * n > @b))",
        "from itertools import count\nfor n in count(1):\n    if n * (n + @a) > @b:\n        break\nprint(n)",
    ),
    steps=_smallest_n_steps,
    brute_force=_smallest_n_brute_force,
)


def _max_product_steps(params: Params) -> str:
    a, b, c = int(params["a"]), int(params["b"]), int(params["c"])
    xs = [x for x in range(1, c // a + 1) if c - a * x > 0 and (c - a * x) % b == 0]
    tried = sorted(xs, key=lambda x: abs(2 * a * x - c))[:2]
    products = [x * ((c - a * x) // b) for x in tried]
    shown = " ".join(f"x = {x}, y = {(c - a * x) // b}: {product}." for x, product in zip(tried, products, strict=True))
    return (
        f"xy is largest when {a}x and {b}y are both near {c} / 2, so x is near {c // (2 * a)}. "
        f"{shown} The largest is {max(products)}."
    )


def _max_product_brute_force(params: Params) -> int:
    a, b, c = int(params["a"]), int(params["b"]), int(params["c"])
    return max(u * v // (a * b) for u in range(a, c, a) for v in range(b, c, b) if u + v == c)


MAX_PRODUCT = Family(
    name="max_product",
    topic=TOPIC,
    level=3,
    draw=lambda rng: _draw_line(rng, 9, 600),
    wordings=(
        r"Positive integers $x$ and $y$ satisfy $@a x + @b y = @c$. Find the largest possible value of $xy$.",
        r"What is the maximum of the product $xy$ over all positive integers $x, y$ with $@a x + @b y = @c$?",
        r"Let $m$ and $n$ be positive integers such that $@a m + @b n = @c$. Determine the greatest possible value of $mn$.",
        r"Among all pairs of positive integers $(x, y)$ on the line $@a x + @b y = @c$, find the greatest value of $x \cdot y$.",
        r"The positive integers $p$ and $q$ are chosen so that $@c = @a p + @b q$. How large can $pq$ be?",
        r"Given that $@a x + @b y = @c$ for positive integers $x$ and $y$, maximise $xy$ and give this maximum.",
    ),
    unseen_wordings=(
        r"A rectangle has whole-number width $w$ and height $h$ with $@a w + @b h = @c$. Find its largest possible area.",
        r"Subject to $@a u + @b v = @c$, where $u, v \ge 1$ are integers, what is the biggest that $uv$ can get?",
    ),
    thoughts=(
        "For each x solve for y and keep the best xy.",
        "Try every x on the line with total @c and take the largest product.",
    ),
    programs=(
        "best = 0\nfor x in range(1, @c // @a + 1):\n    rest = @c - @a * x\n    if rest % @b == 0:\n        best = max(best, x * (rest // @b))\nprint(best)",
        "print(max(x * y for y in range(1, @c // @b + 1) for x in [(@c - @b * y) // @a] if @a * x + @b * y == @c))",
        "def product(x):\n    y, r = divmod(@c - @a * x, @b)\n    return x * y if r == 0 else 0\n\nprint(max(product(x) for x in range(1, @c // @a + 1)))",
    ),
    steps=_max_product_steps,
    brute_force=_max_product_brute_force,
)


def _draw_root_power_sum(rng: Random) -> Params:
    while True:
        p, q = rng.randint(3, 12), rng.randint(1, 20)
        if p * p > 4 * q:  # real positive roots: the power sum is positive, so its remainder is not in doubt
            return {"p": p, "q": q, "n": rng.randint(5, 14), "m": rng.randint(50, 999)}


def _root_power_sum_steps(params: Params) -> str:
    p, q, n, m = (int(params[key]) for key in "pqnm")
    sums = [2, p % m]
    for _ in range(2, n + 1):
        sums.append((p * sums[-1] - q * sums[-2]) % m)
    shown = ", ".join(map(str, sums))
    return (
        f"The power sums obey S_k = {p} S_(k-1) - {q} S_(k-2) with S_0 = 2, S_1 = {p}. "
        f"Modulo {m} they are {shown}. The last is S_{n} = {sums[n]}."
    )


def _root_power_sum_brute_force(params: Params) -> int:
    """Exact powers of (p + sqrt(D)) / 2 as u + v sqrt(D) over 2^n; the conjugate cancels v."""
    p, q, n, m = (int(params[key]) for key in "pqnm")
    discriminant = p * p - 4 * q
    u, v = 1, 0
    for _ in range(n):
        u, v = u * p + v * discriminant, u + v * p
    return (2 * u // 2**n) % m


ROOT_POWER_SUM = Family(
    name="root_power_sum",
    topic=TOPIC,
    level=5,
    draw=_draw_root_power_sum,
    wordings=(
        r"Let $\alpha$ and $\beta$ be the roots of $x^2 - @p x + @q = 0$. Find the remainder when $\alpha^{@n} + \beta^{@n}$ is divided by $@m$.",
        r"The equation $x^2 - @p x + @q = 0$ has roots $r$ and $s$. What is $r^{@n} + s^{@n}$ modulo $@m$?",
        r"Real numbers $a$ and $b$ satisfy $a + b = @p$ and $ab = @q$. Determine the remainder of the integer $a^{@n} + b^{@n}$ on division by $@m$.",
        r"If $u$ and $v$ are the zeros of $P(x) = x^2 - @p x + @q$, compute the remainder when $u^{@n} + v^{@n}$ is divided by $@m$.",
        r"Two numbers have sum $@p$ and product $@q$. The sum of their powers with exponent $@n$ is an integer. Find its remainder modulo $@m$.",
    ),
    unseen_wordings=(
        r"Suppose $x + y = @p$ and $xy = @q$. What remainder does $x^{@n} + y^{@n}$ leave when divided by $@m$?",
        r"Denote by $S_k$ the sum of the $k$-th powers of the roots of $t^2 = @p t - @q$. Evaluate $S_{@n} \bmod @m$.",
    ),
    thoughts=(
        "Power sums obey a recurrence with coefficients @p and -@q.",
        "Start from S_0 = 2 and S_1 = @p, then use Newton's recurrence.",
    ),
    programs=(
        "s, t = 2, @p\nfor _ in range(@n):\n    s, t = t, @p * t - @q * s\nprint(s % @m)",
        "s = [2, @p]\nfor k in range(2, @n + 1):\n    s.append((@p * s[k - 1] - @q * s[k - 2]) % @m)\nprint(s[@n] % @m)",
        "def power_sum(k):\n    if k < 2:\n        return [2, @p][k]\n    return @p * power_sum(k - 1) - @q * power_sum(k - 2)\n\nprint(power_sum(@n) % @m)",
    ),
    steps=_root_power_sum_steps,
    brute_force=_root_power_sum_brute_force,
)

EQUATIONS: tuple[Family, ...] = (POSITIVE_SOLUTIONS, SMALLEST_N, MAX_PRODUCT, ROOT_POWER_SUM)
