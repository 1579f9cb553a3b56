"""Algebra: recurrences, iterated maps and geometric sums."""

from __future__ import annotations

from random import Random

from demo_model.families.family import Family, Params

TOPIC = "algebra"


def _draw_linear_recurrence(rng: Random) -> Params:
    return {
        "s": rng.randint(1, 12),
        "t": rng.randint(1, 12),
        "p": rng.randint(2, 9),
        "q": rng.randint(2, 9),
        "k": rng.randint(6, 16),
        "m": rng.randint(50, 999),
    }


def _linear_recurrence_steps(params: Params) -> str:
    s, t, p, q, k, m = (int(params[key]) for key in "stpqkm")
    terms = [s % m, t % m]
    while len(terms) < k:
        terms.append((p * terms[-1] + q * terms[-2]) % m)
    return (
        f"Work modulo {m}: each term is {p} times the last plus {q} times the one before. "
        f"The terms are {', '.join(map(str, terms))}. Term {k} is {terms[k - 1]}."
    )


def _linear_recurrence_brute_force(params: Params) -> int:
    s, t, p, q, k, m = (int(params[key]) for key in "stpqkm")

    def term(n: int) -> int:
        return s if n == 1 else t if n == 2 else p * term(n - 1) + q * term(n - 2)

    return term(k) % m


LINEAR_RECURRENCE = Family(
    name="linear_recurrence",
    topic=TOPIC,
    level=3,
    draw=_draw_linear_recurrence,
    wordings=(
        r"A sequence is defined by $a_1 = @s$, $a_2 = @t$ and $a_n = @p a_{n-1} + @q a_{n-2}$ for $n \ge 3$. Find the remainder when $a_{@k}$ is divided by $@m$.",
        r"Let $a_1 = @s$, $a_2 = @t$, and $a_{n+2} = @p a_{n+1} + @q a_n$ for all $n \ge 1$. What is $a_{@k}$ modulo $@m$?",
        r"The first two terms of a sequence are $@s$ and $@t$. Each later term is $@p$ times the previous term plus $@q$ times the term before that. Find the remainder of term number $@k$ modulo $@m$.",
        r"Given $x_1 = @s$, $x_2 = @t$ and $x_n = @p x_{n-1} + @q x_{n-2}$, determine the remainder that $x_{@k}$ leaves on division by $@m$.",
        r"Integers $u_1, u_2, \ldots$ satisfy $u_1 = @s$, $u_2 = @t$, $u_n = @p u_{n-1} + @q u_{n-2}$. Compute $u_{@k} \bmod @m$.",
        r"Starting with $b_1 = @s$ and $b_2 = @t$, form $b_n = @p b_{n-1} + @q b_{n-2}$ for $n > 2$. When $b_{@k}$ is divided by $@m$, what is the remainder?",
    ),
    unseen_wordings=(
        r"Ana writes $@s$, then $@t$. From then on she writes $@p$ times the latest number plus $@q$ times the one before it. What remainder does her number in position $@k$ leave modulo $@m$?",
        r"Suppose $c_{n} - @p c_{n-1} - @q c_{n-2} = 0$ for every $n \ge 3$, with $c_1 = @s$ and $c_2 = @t$. Evaluate the remainder of $c_{@k}$ upon division by $@m$.",
    ),
    thoughts=(
        "Build the sequence step by step up to term @k, then reduce modulo @m.",
        "Keep the last two terms modulo @m and iterate.",
        "Start from @s and @t and apply the rule until term @k.",
    ),
    programs=(
        "a, b = @s, @t\nfor _ in range(@k - 1):\n    a, b = b, (@p * b + @q * a) % @m\nprint(a % @m)",
        "a = [0, @s, @t]\nfor n in range(3, @k + 1):\n    a.append(@p * a[n - 1] + @q * a[n - 2])\nprint(a[@k] % @m)",
        "def term(n):\n    a, b = @s, @t\n    for _ in range(n - 1):\n        a, b = b, @p * b + @q * a\n    return a\n\nprint(term(@k) % @m)",
    ),
    steps=_linear_recurrence_steps,
    brute_force=_linear_recurrence_brute_force,
)


def _orbit(start: int, c: int, k: int) -> list[int]:
    values = [start]
    for _ in range(k):
        n = values[-1]
        values.append(n // 2 if n % 2 == 0 else 3 * n + c)
    return values


def _draw_iterated_map(rng: Random) -> Params:
    while True:
        start, c, k = rng.randint(10, 999), rng.randrange(1, 40, 2), rng.randint(4, 14)
        if _orbit(start, c, k)[-1] <= 99999:
            return {"s": start, "c": c, "k": k}


def _iterated_map_steps(params: Params) -> str:
    s, c, k = int(params["s"]), int(params["c"]), int(params["k"])
    values = _orbit(s, c, k)
    shown = ", ".join(map(str, values))
    return f"Halve when even, else triple and add {c}. From {s}: {shown}. After {k} steps: {values[-1]}."


def _iterated_map_brute_force(params: Params) -> int:
    def after(steps: int) -> int:
        if steps == 0:
            return int(params["s"])
        last = after(steps - 1)
        return last + last + last + int(params["c"]) if last & 1 else last >> 1

    return after(int(params["k"]))


ITERATED_MAP = Family(
    name="iterated_map",
    topic=TOPIC,
    level=2,
    draw=_draw_iterated_map,
    wordings=(
        r"Let $f(n) = n/2$ if $n$ is even and $f(n) = 3n + @c$ if $n$ is odd. Starting from $@s$, apply $f$ exactly $@k$ times. What is the result?",
        r"A machine replaces an even number $n$ by $n/2$ and an odd number $n$ by $3n + @c$. The number $@s$ is fed in and the machine runs $@k$ times. What number comes out?",
        r"A sequence has $x_0 = @s$, and $x_{i+1} = x_i / 2$ when $x_i$ is even, $x_{i+1} = 3x_i + @c$ when $x_i$ is odd. Find $x_{@k}$.",
        r"Define $f(n) = \frac{n}{2}$ for even $n$ and $f(n) = 3n + @c$ for odd $n$. Compute $f^{@k}(@s)$, where $f^{k}$ means $f$ applied $k$ times.",
        r"Lena starts with $@s$. In each of $@k$ moves she halves her number if it is even; otherwise she triples it and adds $@c$. Which number does she end with?",
    ),
    unseen_wordings=(
        r"The number $@s$ is on a board. Each minute, an even number is replaced by its half, while an odd number is multiplied by $3$ and increased by $@c$. What is on the board after $@k$ minutes?",
        r"For integers, let $T$ send even $n$ to $n/2$ and odd $n$ to $3n + @c$. Determine the value of $T(T(\cdots T(@s) \cdots))$ with $@k$ applications of $T$.",
    ),
    thoughts=(
        "Simulate @k steps from @s: halve if even, else 3n + @c.",
        "Just apply the rule @k times in a loop.",
    ),
    programs=(
        "n = @s\nfor _ in range(@k):\n    n = n // 2 if n % 2 == 0 else 3 * n + @c\nprint(n)",
        "def f(n):\n    if n % 2 == 0:\n        return n // 2\n    return 3 * n + @c\n\nx = @s\nfor _ in range(@k):\n    x = f(x)\nprint(x)",
        "from functools import reduce\nprint(reduce(lambda n, _: 3 * n + @c if n % 2 else n // 2, range(@k), @s))",
    ),
    steps=_iterated_map_steps,
    brute_force=_iterated_map_brute_force,
)


def _geometric_sum_steps(params: Params) -> str:
    r, n, m = int(params["r"]), int(params["n"]), int(params["m"])
    modulus = m * (r - 1)
    exponent, power, shown = 0, 1, list[str]()
    for bit in bin(n + 1)[2:]:
        exponent, power = 2 * exponent + int(bit), power * power * r ** int(bit) % modulus
        shown.append(f"{r}^{exponent} = {power}")
    return (
        f"The sum is ({r}^{n + 1} - 1) / {r - 1}. Work modulo {m} * {r - 1} = {modulus}. "
        f"By squaring: {', '.join(shown)}. "
        f"{(power - 1) % modulus} / {r - 1} = {(power - 1) % modulus // (r - 1)}."
    )


def _geometric_sum_brute_force(params: Params) -> int:
    r, n, m = int(params["r"]), int(params["n"]), int(params["m"])
    total, term = 0, 1
    for _ in range(n + 1):
        total += term
        term *= r
    return total % m


GEOMETRIC_SUM = Family(
    name="geometric_sum",
    topic=TOPIC,
    level=4,
    draw=lambda rng: {"r": rng.randint(3, 12), "n": rng.randint(20, 900), "m": rng.randint(50, 999)},
    wordings=(
        r"Find the remainder when $1 + @r + @r^2 + \cdots + @r^{@n}$ is divided by $@m$.",
        r"Let $S = \sum_{k=0}^{@n} @r^k$. What is the remainder of $S$ modulo $@m$?",
        r"Compute $\left(@r^0 + @r^1 + @r^2 + \cdots + @r^{@n}\right) \bmod @m$.",
        r"All powers of $@r$ with exponents from $0$ to $@n$ inclusive are added. Determine the remainder of the total on division by $@m$.",
        r"A geometric series has first term $1$, common ratio $@r$ and last term $@r^{@n}$. What remainder does its sum leave when divided by $@m$?",
        r"What is the remainder when the polynomial value $P(@r)$ is divided by $@m$, where $P(x) = 1 + x + x^2 + \cdots + x^{@n}$?",
    ),
    unseen_wordings=(
        r"An integer is written in base $@r$ with a digit $1$ for each of the places $@r^0, @r^1, \ldots, @r^{@n}$. Find this integer modulo $@m$.",
        r"Evaluate the sum of the numbers $@r^k$ over $0 \le k \le @n$ and give the residue it leaves after dividing by $@m$.",
    ),
    thoughts=(
        "Add pow(@r, k, @m) for k from 0 to @n.",
        "Use Horner: multiply the sum by @r and add 1, modulo @m.",
        "Python has big integers, so sum the powers and take modulo @m.",
    ),
    programs=(
        "print(sum(pow(@r, k, @m) for k in range(@n + 1)) % @m)",
        "s = 0\nfor _ in range(@n + 1):\n    s = (s * @r + 1) % @m\nprint(s)",
        "total = (@r ** (@n + 1) - 1) // (@r - 1)\nprint(total % @m)",
    ),
    steps=_geometric_sum_steps,
    brute_force=_geometric_sum_brute_force,
)

SEQUENCES: tuple[Family, ...] = (LINEAR_RECURRENCE, ITERATED_MAP, GEOMETRIC_SUM)
