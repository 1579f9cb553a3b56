"""Number theory: digits of numbers, in base ten and in other bases."""

from __future__ import annotations

from random import Random

from demo_model.families.family import Family, Params

TOPIC = "number theory"


def _draw_digit_sum_power(rng: Random) -> Params:
    while True:
        a, b = rng.randint(2, rng.choice((99, 999))), rng.randint(3, 36)
        if a % 10 and 10**5 < a**b < 10**16 and (a % 3 or rng.random() < 0.4):
            return {"a": a, "b": b}


def _digit_sum_power_steps(params: Params) -> str:
    a, b = int(params["a"]), int(params["b"])
    half = b // 2
    digits = str(a**b)
    return (
        f"{a}^{half} = {a**half}, {a}^{b} = {digits}. "
        f"The digits add up: {' + '.join(digits)} = {sum(map(int, digits))}."
    )


def _digit_sum_power_brute_force(params: Params) -> int:
    a, b = int(params["a"]), int(params["b"])
    digits = [1]
    for _ in range(b):
        carry, grown = 0, list[int]()
        for digit in digits:
            carry += digit * a
            grown.append(carry % 10)
            carry //= 10
        while carry:
            grown.append(carry % 10)
            carry //= 10
        digits = grown
    return sum(digits)


DIGIT_SUM_POWER = Family(
    name="digit_sum_power",
    topic=TOPIC,
    level=1,
    draw=_draw_digit_sum_power,
    wordings=(
        r"Find the sum of the digits of $@a^{@b}$.",
        r"The number $@a^{@b}$ is written out in decimal. What do its digits add up to?",
        r"Let $S(n)$ denote the digit sum of $n$. Compute $S(@a^{@b})$.",
        r"When $@a$ is raised to the power $@b$, what is the sum of the decimal digits of the result?",
        r"Determine the total of all digits appearing in the base-ten representation of $N = @a^{@b}$.",
        r"Ben computes $@a^{@b}$ exactly and adds together all the digits of his answer. What does he get?",
    ),
    unseen_wordings=(
        r"Each digit of the integer $@a^{@b}$ is painted on a tile. What is the sum of the numbers on the tiles?",
        r"If $@a^{@b} = \overline{d_1 d_2 \ldots d_r}$ in base $10$, evaluate $d_1 + d_2 + \cdots + d_r$.",
    ),
    thoughts=(
        "Compute @a ** @b and add its digits.",
        "Peel digits off @a ** @b with % 10.",
    ),
    programs=(
        "print(sum(map(int, str(@a ** @b))))",
        "n = @a ** @b\ns = 0\nwhile n:\n    s += n % 10\n    n //= 10\nprint(s)",
        "def digit_sum(n):\n    return sum(int(d) for d in str(n))\nprint(digit_sum(@a ** @b))",
    ),
    steps=_digit_sum_power_steps,
    brute_force=_digit_sum_power_brute_force,
)

_FACTORS = {
    6: ((2, 1), (3, 1)), 10: ((2, 1), (5, 1)), 12: ((2, 2), (3, 1)), 14: ((2, 1), (7, 1)), 15: ((3, 1), (5, 1)),
    18: ((2, 1), (3, 2)), 20: ((2, 2), (5, 1)), 21: ((3, 1), (7, 1)), 24: ((2, 3), (3, 1)), 28: ((2, 2), (7, 1)),
    35: ((5, 1), (7, 1)), 36: ((2, 2), (3, 2)), 40: ((2, 3), (5, 1)), 45: ((3, 2), (5, 1)), 48: ((2, 4), (3, 1)),
}  # fmt: skip
"""Each base with its factorisation into (prime, exponent)."""


def _draw_factorial_zeros(rng: Random) -> Params:
    return {"n": rng.randint(25, 700), "m": rng.choice(tuple(_FACTORS))}


def _factorial_zeros_steps(params: Params) -> str:
    n, m = int(params["n"]), int(params["m"])
    parts, powers = list[str](), list[int]()
    for p, e in _FACTORS[m]:
        terms, left = list[int](), n // p
        while left:
            terms.append(left)
            left //= p
        powers.append(sum(terms) // e)
        sentence = f"Factors {p}: {' + '.join(map(str, terms))} = {sum(terms)}"
        parts.append(sentence + (f", and {sum(terms)} // {e} = {powers[-1]}." if e > 1 else "."))
    return f"{' '.join(parts)} The least is {min(powers)}."


def _factorial_zeros_brute_force(params: Params) -> int:
    n, m = int(params["n"]), int(params["m"])
    zeros, pending = 0, 1
    for k in range(2, n + 1):
        pending *= k
        while pending % m == 0:
            pending //= m
            zeros += 1
    return zeros


FACTORIAL_ZEROS = Family(
    name="factorial_zeros",
    topic=TOPIC,
    level=3,
    draw=_draw_factorial_zeros,
    wordings=(
        r"Find the largest integer $k$ such that $@m^k$ divides $@n!$.",
        r"How many zeros does $@n!$ end in when it is written in base $@m$?",
        r"Determine the greatest exponent $k$ for which $\frac{@n!}{@m^k}$ is an integer.",
        r"The product $1 \cdot 2 \cdot 3 \cdots @n$ is divided by $@m$ again and again as long as the result is an integer. How many divisions are possible?",
        r"What is the highest power $@m^k$ that is a factor of $@n$ factorial? Give the exponent $k$.",
        r"Let $N = @n!$. In the base-$@m$ representation of $N$, how many consecutive zeros are at the right end?",
    ),
    unseen_wordings=(
        r"Suppose $@n! = @m^k \cdot q$ where $q$ is an integer not divisible by $@m$. What is $k$?",
        r"Count the trailing zeros of the factorial of $@n$ in the number system with base $@m$.",
    ),
    thoughts=(
        "Divide @n! by @m while it goes evenly.",
        "Compute the factorial of @n and count factors of @m.",
    ),
    programs=(
        "from math import factorial\nf = factorial(@n)\nk = 0\nwhile f % @m == 0:\n    f //= @m\n    k += 1\nprint(k)",
        "import math\nf = math.factorial(@n)\nk = 1\nwhile f % @m ** k == 0:\n    k += 1\nprint(k - 1)",
        "from math import factorial\nfrom itertools import count\nf = factorial(@n)\nprint(next(k for k in count() if f % @m ** (k + 1)))",
    ),
    steps=_factorial_zeros_steps,
    brute_force=_factorial_zeros_brute_force,
)


def _draw_reversed_base(rng: Random) -> Params:
    while True:
        n, b = rng.randint(50, 4000), rng.randint(3, 9)
        if n % b:
            return {"n": n, "b": b}


def _reversed_base_steps(params: Params) -> str:
    n, b = int(params["n"]), int(params["b"])
    digits, values = list[int](), list[int]()
    left = n
    while left:
        digits.append(left % b)
        left //= b
    value = 0
    for digit in digits:
        value = value * b + digit
        values.append(value)
    return (
        f"Dividing {n} by {b} again and again leaves remainders {', '.join(map(str, digits))}. "
        f"Read in this order, the value builds up: {', '.join(map(str, values))}."
    )


def _reversed_base_brute_force(params: Params) -> int:
    n, b = int(params["n"]), int(params["b"])
    place = 1
    while place * b <= n:
        place *= b
    total, weight = 0, 1
    while place:
        while n >= place:
            n -= place
            total += weight
        place //= b
        weight *= b
    return total


REVERSED_BASE = Family(
    name="reversed_base",
    topic=TOPIC,
    level=2,
    draw=_draw_reversed_base,
    wordings=(
        r"The number $@n$ is written in base $@b$ and its digits are reversed. What is the value of the new base-$@b$ number, in base ten?",
        r"Write $@n$ in base $@b$, read the digits from right to left as a base-$@b$ numeral, and give its decimal value.",
        r"Let $R$ be the integer whose base-$@b$ digits are those of $@n$ in the opposite order. Find $R$ in decimal.",
        r"In base $@b$ we have $@n = \overline{d_r \ldots d_1 d_0}$. Compute, as a decimal number, $\overline{d_0 d_1 \ldots d_r}$ in the same base.",
        r"A mirror flips the order of the base-$@b$ digits of the decimal number $@n$. Which decimal number does the mirror image represent?",
        r"Convert the decimal number $@n$ to base $@b$, reverse the digit string, then convert back to decimal. What is the result?",
    ),
    unseen_wordings=(
        r"On a planet that counts in base $@b$, a sign shows our number $@n$. A visitor reads it backwards. Which number, in our decimal system, does the visitor read?",
        r"Determine the decimal value of the base-$@b$ numeral obtained by turning around the digits of $@n$ expressed in base $@b$.",
    ),
    thoughts=(
        "Peel off base @b digits of @n and rebuild backwards.",
        "Collect the digits of @n in base @b, last digit first.",
        "Use int(text, @b) on the reversed digits.",
    ),
    programs=(
        "n = @n\nr = 0\nwhile n:\n    r = r * @b + n % @b\n    n //= @b\nprint(r)",
        "n = @n\ns = ''\nwhile n > 0:\n    s += str(n % @b)\n    n //= @b\nprint(int(s, @b))",
        "def flip(n, r=0):\n    return flip(n // @b, r * @b + n % @b) if n else r\nprint(flip(@n))",
    ),
    steps=_reversed_base_steps,
    brute_force=_reversed_base_brute_force,
)

DIGITS: tuple[Family, ...] = (DIGIT_SUM_POWER, FACTORIAL_ZEROS, REVERSED_BASE)
