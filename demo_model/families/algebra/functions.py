"""Algebra: floor sums, telescoping sums and custom operations."""

from __future__ import annotations

from math import gcd
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "algebra"


def _draw_floor_sum(rng: Random) -> Params:
    while True:
        b = rng.randint(5, 19)
        a = rng.randint(2, b - 1)
        if gcd(a, b) == 1:
            return {"a": a, "b": b, "n": rng.randint(20, 200)}


def _floor_sum_steps(params: Params) -> str:
    a, b, n = int(params["a"]), int(params["b"]), int(params["n"])
    whole = a * n * (n + 1) // 2
    block = b * (b - 1) // 2
    full, rest = divmod(n, b)
    tail = sum(k * a % b for k in range(1, rest + 1))
    lost = full * block + tail
    return (
        f"The sum of {a}k is {a} * {n} * {n + 1} / 2 = {whole}. Remainders modulo {b}: "
        f"{full} blocks of {block} and a rest of {tail}, in all {lost}. "
        f"{whole} - {lost} = {whole - lost}. {whole - lost} / {b} = {(whole - lost) // b}."
    )


def _floor_sum_brute_force(params: Params) -> int:
    """Lattice points (k, j) with j >= 1 on or below the line j = a k / b."""
    a, b, n = int(params["a"]), int(params["b"]), int(params["n"])
    return sum(j * b <= k * a for k in range(1, n + 1) for j in range(1, k + 1))


FLOOR_SUM = Family(
    name="floor_sum",
    topic=TOPIC,
    level=3,
    draw=_draw_floor_sum,
    wordings=(
        r"Compute $\sum_{k=1}^{@n} \left\lfloor \frac{@a k}{@b} \right\rfloor$.",
        r"Let $\lfloor x \rfloor$ denote the greatest integer not exceeding $x$. Find the sum of $\left\lfloor \frac{@a k}{@b} \right\rfloor$ over $k = 1, 2, \ldots, @n$.",
        r"For each integer $k$ from $1$ to $@n$, the number $\frac{@a}{@b} k$ is rounded down to an integer. What is the sum of the rounded numbers?",
        r"Find the value of $\lfloor @a \cdot 1 / @b \rfloor + \lfloor @a \cdot 2 / @b \rfloor + \cdots + \lfloor @a \cdot @n / @b \rfloor$.",
        r"Dividing each of the first $@n$ positive multiples of $@a$ by $@b$ gives a quotient and a remainder. Determine the sum of all the quotients.",
        r"If $q_k$ is the integer part of $\frac{@a k}{@b}$, what is $q_1 + q_2 + \cdots + q_{@n}$?",
    ),
    unseen_wordings=(
        r"How many pairs of positive integers $(k, j)$ satisfy $k \le @n$ and $j \le \frac{@a k}{@b}$?",
        r"Define $g(x) = \lfloor @a x / @b \rfloor$. Evaluate the total of $g(x)$ when $x$ runs through the integers $1$ to $@n$.",
    ),
    thoughts=(
        "Sum the integer quotients @a k // @b for k up to @n.",
        "Floor is integer division, so loop k from 1 to @n and add.",
    ),
    programs=(
        "print(sum(@a * k // @b for k in range(1, @n + 1)))",
        "total = 0\nfor k in range(1, @n + 1):\n    total += (@a * k) // @b\nprint(total)",
        "from math import floor\nfrom fractions import Fraction\nprint(sum(floor(Fraction(@a * k, @b)) for k in range(1, @n + 1)))",
    ),
    steps=_floor_sum_steps,
    brute_force=_floor_sum_brute_force,
)


def _draw_telescoping(rng: Random) -> Params:
    a, step, terms = rng.randint(2, 40), rng.randint(1, 9), rng.randint(5, 40)
    z = a + step * terms
    return {"a": a, "b": a + step, "c": a + 2 * step, "y": z - step, "z": z}


def _telescoping_steps(params: Params) -> str:
    a, b, z = int(params["a"]), int(params["b"]), int(params["z"])
    step = b - a
    terms, bottom = (z - a) // step, a * z
    common = gcd(terms, bottom)
    m, n = terms // common, bottom // common
    return (
        f"With step {step} the sum telescopes to (1/{a} - 1/{z}) / {step} = {terms}/{bottom}. "
        f"Their common divisor is {common}, so m/n = {m}/{n}. {m} + {n} = {m + n}."
    )


def _telescoping_brute_force(params: Params) -> int:
    a, b, y = int(params["a"]), int(params["b"]), int(params["y"])
    top, bottom, k = 0, 1, a
    while k <= y:
        product = k * (k + b - a)
        top, bottom = top * product + bottom, bottom * product
        k += b - a
    common, rest = top, bottom
    while rest:
        common, rest = rest, common % rest
    return top // common + bottom // common


TELESCOPING = Family(
    name="telescoping",
    topic=TOPIC,
    level=4,
    draw=_draw_telescoping,
    wordings=(
        r"The sum $\frac{1}{@a \cdot @b} + \frac{1}{@b \cdot @c} + \cdots + \frac{1}{@y \cdot @z}$ equals $\frac{m}{n}$ in lowest terms. Find $m + n$.",
        r"Let $\frac{m}{n}$ be the value of $\frac{1}{@a \cdot @b} + \frac{1}{@b \cdot @c} + \cdots + \frac{1}{@y \cdot @z}$, where $\gcd(m, n) = 1$. What is $m + n$?",
        r"Simplify $\frac{1}{@a \times @b} + \frac{1}{@b \times @c} + \cdots + \frac{1}{@y \times @z}$ to a reduced fraction. Determine the sum of its numerator and denominator.",
        r"The factors in $S = \frac{1}{@a \cdot @b} + \frac{1}{@b \cdot @c} + \cdots + \frac{1}{@y \cdot @z}$ form an arithmetic progression. Writing $S = \frac{p}{q}$ with $p, q$ coprime positive integers, compute $p + q$.",
        r"For consecutive terms $u, v$ of the arithmetic progression $@a, @b, @c, \ldots, @y, @z$, add all the fractions $\frac{1}{uv}$. If the total is $\frac{m}{n}$ in lowest terms, find $m + n$.",
    ),
    unseen_wordings=(
        r"Each neighbouring pair in the evenly spaced list $@a, @b, @c, \ldots, @y, @z$ is multiplied, and the reciprocals of these products are summed. The result is the irreducible fraction $\frac{r}{s}$. Find $r + s$.",
        r"Relatively prime positive integers $m$ and $n$ satisfy $\frac{m}{n} = \frac{1}{@a \cdot @b} + \frac{1}{@b \cdot @c} + \cdots + \frac{1}{@y \cdot @z}$. Give the value of $m + n$.",
    ),
    thoughts=(
        "Add the fractions exactly with Fraction, then add numerator and denominator.",
        "The factors grow by @b - @a; sum 1/(k(k + d)) exactly.",
        "The sum telescopes to (1/@a - 1/@z) divided by the step.",
    ),
    programs=(
        "from fractions import Fraction\nd = @b - @a\ns = sum(Fraction(1, k * (k + d)) for k in range(@a, @z, d))\nprint(s.numerator + s.denominator)",
        "from fractions import Fraction\ns = Fraction(0)\nk = @a\nwhile k < @z:\n    s += Fraction(1, k * (k + @b - @a))\n    k += @b - @a\nprint(s.numerator + s.denominator)",
        "from fractions import Fraction\ns = (Fraction(1, @a) - Fraction(1, @z)) / (@b - @a)\nprint(s.numerator + s.denominator)",
    ),
    steps=_telescoping_steps,
    brute_force=_telescoping_brute_force,
)

_SYMBOLS = (r"\star", r"\oplus", r"\diamond", r"\circ", r"\otimes", r"\ast", r"\odot", r"\triangle")


def _draw_custom_operation(rng: Random) -> Params:
    return {
        "op": rng.choice(_SYMBOLS),
        "p": rng.randint(2, 9),
        "q": rng.randint(2, 9),
        "a": rng.randint(2, 15),
        "b": rng.randint(2, 15),
        "c": rng.randint(2, 15),
    }


def _custom_operation_steps(params: Params) -> str:
    p, q, a, b, c = (int(params[key]) for key in "pqabc")
    inner = a * b + p * a + q * b
    products = (inner * c, p * inner, q * c)
    return (
        f"Inside: {a} * {b} + {p} * {a} + {q} * {b} = {a * b} + {p * a} + {q * b} = {inner}. "
        f"Then {inner} * {c} + {p} * {inner} + {q} * {c} = {' + '.join(map(str, products))} = {sum(products)}."
    )


def _custom_operation_brute_force(params: Params) -> int:
    """x y + p x + q y = (x + q)(y + p) - p q."""
    p, q, a, b, c = (int(params[key]) for key in "pqabc")
    return ((a + q) * (b + p) - p * q + q) * (c + p) - p * q


CUSTOM_OPERATION = Family(
    name="custom_operation",
    topic=TOPIC,
    level=1,
    draw=_draw_custom_operation,
    wordings=(
        r"For integers $x$ and $y$ define $x @op y = xy + @p x + @q y$. Find $(@a @op @b) @op @c$.",
        r"The operation $@op$ is given by $x @op y = xy + @p x + @q y$. What is the value of $(@a @op @b) @op @c$?",
        r"Let $a @op b$ mean $ab + @p a + @q b$. Compute $(@a @op @b) @op @c$.",
        r"If $u @op v = uv + @p u + @q v$ for all numbers $u$ and $v$, evaluate $(@a @op @b) @op @c$.",
        r"A new operation $@op$ takes two numbers: $m @op n$ is $mn$ plus $@p$ times $m$ plus $@q$ times $n$. Determine $(@a @op @b) @op @c$.",
        r"Suppose that $N = @a @op @b$, where $x @op y = xy + @p x + @q y$. What is $N @op @c$?",
    ),
    unseen_wordings=(
        r"To combine two numbers with $@op$, take their product, then add $@p$ times the left number and $@q$ times the right one. Work out $(@a @op @b) @op @c$.",
        r"On the integers we set $r @op s := rs + @p r + @q s$. Calculate $t @op @c$ where $t = @a @op @b$.",
    ),
    thoughts=(
        "Define the operation as a function and nest it.",
        "First combine @a and @b, then combine the result with @c.",
    ),
    programs=(
        "def op(x, y):\n    return x * y + @p * x + @q * y\n\nprint(op(op(@a, @b), @c))",
        "op = lambda x, y: x * y + @p * x + @q * y\nprint(op(op(@a, @b), @c))",
        "x = @a\nfor y in (@b, @c):\n    x = x * y + @p * x + @q * y\nprint(x)",
    ),
    steps=_custom_operation_steps,
    brute_force=_custom_operation_brute_force,
)

FUNCTIONS: tuple[Family, ...] = (FLOOR_SUM, TELESCOPING, CUSTOM_OPERATION)
