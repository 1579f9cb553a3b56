"""Probability: dice, urns and an expected value, each asked for as p + q of a reduced fraction."""

from __future__ import annotations

from math import comb, gcd
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "probability"


def _reduced(top: int, bottom: int) -> str:
    common = gcd(top, bottom)
    p, q = top // common, bottom // common
    lowest = f" = {p}/{q}" if common > 1 else ""
    return f"{top}/{bottom}{lowest}. {p} + {q} = {p + q}."


def _sum_of_lowest_terms(top: int, bottom: int) -> int:
    # Trial division: the brute force must not lean on the gcd that the programs use.
    for divisor in range(min(top, bottom), 1, -1):
        if top % divisor == 0 and bottom % divisor == 0:
            return top // divisor + bottom // divisor
    return top + bottom


def _draw_dice_sum(rng: Random) -> Params:
    a, b = rng.randint(4, 10), rng.randint(5, 20)
    return {"a": a, "b": b, "s": rng.randint(4, a + b - 2)}


def _dice_sum_steps(params: Params) -> str:
    a, b, s = (int(params[key]) for key in "abs")
    good = [min(b, max(0, b - s + x)) for x in range(1, a + 1)]
    return (
        f"There are {a} * {b} = {a * b} outcomes. For first roll 1 to {a} the good second rolls are "
        f"{' + '.join(map(str, good))} = {sum(good)}. {_reduced(sum(good), a * b)}"
    )


def _dice_sum_brute_force(params: Params) -> int:
    a, b, s = (int(params[key]) for key in "abs")
    sums = [first + second for first in range(1, a + 1) for second in range(1, b + 1)]
    return _sum_of_lowest_terms(len([total for total in sums if total > s]), len(sums))


DICE_SUM = Family(
    name="dice_sum",
    topic=TOPIC,
    level=2,
    draw=_draw_dice_sum,
    wordings=(
        r"A fair $@a$-sided die and a fair $@b$-sided die are rolled. The probability that the sum exceeds $@s$ is $\frac{p}{q}$ in lowest terms. Find $p + q$.",
        r"Integers $x$ and $y$ are picked at random with $1 \le x \le @a$ and $1 \le y \le @b$. If $P(x + y > @s) = \frac{m}{n}$ in lowest terms, find $m + n$.",
        r"Two fair dice have faces $1$ to $@a$ and $1$ to $@b$. The chance of a total greater than $@s$ is $\frac{m}{n}$, with $\gcd(m, n) = 1$. What is $m + n$?",
        r"One spinner shows $1, \ldots, @a$ and another $1, \ldots, @b$, all equally likely. The probability that the results add up to more than $@s$ is the reduced fraction $p/q$. Compute $p + q$.",
        r"A card is drawn from a deck numbered $1$ to $@a$ and another from a deck numbered $1$ to $@b$. With probability $m/n$, in lowest terms, the total is above $@s$. Determine $m + n$.",
    ),
    unseen_wordings=(
        r"Ann rolls a fair die with $@a$ faces, Bob one with $@b$ faces. They win if their total is larger than $@s$. Their winning probability is $\frac{a}{b}$ in simplest form. Find $a + b$.",
        r"Wheel one stops on $1$ to $@a$ and wheel two on $1$ to $@b$, uniformly. Write the probability of a sum over $@s$ as an irreducible fraction and give its numerator plus denominator.",
    ),
    thoughts=(
        "Count pairs with sum above @s among @a * @b outcomes.",
        "Reduce the fraction and add its two parts.",
    ),
    programs=(
        "from fractions import Fraction\ngood = sum(1 for x in range(1, @a + 1) for y in range(1, @b + 1) if x + y > @s)\nf = Fraction(good, @a * @b)\nprint(f.numerator + f.denominator)",
        "from math import gcd\ngood = 0\nfor x in range(1, @a + 1):\n    for y in range(1, @b + 1):\n        if x + y > @s:\n            good += 1\nprint((good + @a * @b) // gcd(good, @a * @b))",
    ),
    steps=_dice_sum_steps,
    brute_force=_dice_sum_brute_force,
)

_NAMES = ("Mia", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tara", "Uma", "Viktor", "Wei")


def _draw_urn(rng: Random) -> Params:
    return {"r": rng.randint(2, 12), "b": rng.randint(2, 12), "g": rng.randint(2, 12), "x": rng.choice(_NAMES)}


def _urn_steps(params: Params) -> str:
    r, b, g = (int(params[key]) for key in "rbg")
    same = [comb(r, 2), comb(b, 2), comb(g, 2)]
    total = r + b + g
    return (
        f"All pairs: C({total}, 2) = {comb(total, 2)}. Same colour: {same[0]} + {same[1]} + {same[2]} = {sum(same)}. "
        f"{_reduced(sum(same), comb(total, 2))}"
    )


def _urn_brute_force(params: Params) -> int:
    balls = [colour for colour in "rbg" for _ in range(int(params[colour]))]
    places = range(len(balls))
    draws = [balls[first] == balls[second] for first in places for second in places if first != second]
    return _sum_of_lowest_terms(draws.count(True), len(draws))


URN = Family(
    name="urn",
    topic=TOPIC,
    level=2,
    draw=_draw_urn,
    wordings=(
        r"A bag holds $@r$ red, $@b$ blue and $@g$ green balls. @x draws two without replacement. The probability that they have the same colour is $\frac{p}{q}$ in lowest terms. Find $p + q$.",
        r"@x has $@r$ red, $@b$ blue and $@g$ green socks and takes two at random. The chance of a matching pair is $\frac{m}{n}$ in lowest terms. What is $m + n$?",
        r"From $@r$ red, $@b$ blue and $@g$ green cards @x picks two at once. With probability $\frac{m}{n}$, where $\gcd(m, n) = 1$, both have one colour. Compute $m + n$.",
        r"@x removes two marbles at random from an urn with $@r$ red, $@b$ blue and $@g$ green marbles. If $P(\text{same colour}) = p/q$ in simplest form, determine $p + q$.",
        r"A jar contains $@r$ red, $@b$ blue and $@g$ green sweets. @x eats two random ones. They are alike in colour with probability $a/b$, a reduced fraction. Find $a + b$.",
    ),
    unseen_wordings=(
        r"In a drawer lie $@r$ red, $@b$ blue and $@g$ green pens. @x grabs a random pair. Write the probability that the pens agree in colour in lowest terms and add numerator and denominator.",
        r"@x plants two bulbs chosen at random from $@r$ red, $@b$ blue and $@g$ green tulips. The probability of equal colours is the irreducible fraction $m/n$. Give $m + n$.",
    ),
    thoughts=(
        "Count pairs of one colour: C(@r, 2) + C(@b, 2) + C(@g, 2).",
        "Divide by all pairs, reduce, and add the two parts.",
    ),
    programs=(
        "from fractions import Fraction\nfrom math import comb\nsame = comb(@r, 2) + comb(@b, 2) + comb(@g, 2)\nf = Fraction(same, comb(@r + @b + @g, 2))\nprint(f.numerator + f.denominator)",
        "from itertools import combinations\nfrom math import gcd\npairs = list(combinations('r' * @r + 'b' * @b + 'g' * @g, 2))\nsame = sum(x == y for x, y in pairs)\nprint((same + len(pairs)) // gcd(same, len(pairs)))",
        "from math import gcd\nn = @r + @b + @g\nsame = sum(k * (k - 1) for k in (@r, @b, @g))\ntotal = n * (n - 1)\nd = gcd(same, total)\nprint(same // d + total // d)",
    ),
    steps=_urn_steps,
    brute_force=_urn_brute_force,
)


def _draw_expected_changes(rng: Random) -> Params:
    return {"r": rng.randint(2, 25), "b": rng.randint(2, 25)}


def _expected_changes_steps(params: Params) -> str:
    r, b = int(params["r"]), int(params["b"])
    n = r + b
    return (
        f"There are {n - 1} neighbouring places. Each is mixed with probability 2 * {r} * {b} / ({n} * {n - 1}). "
        f"The expected value is {_reduced(2 * r * b, n)}"
    )


def _expected_changes_brute_force(params: Params) -> int:
    r, b = int(params["r"]), int(params["b"])
    # rows[i, j, last] = (number of rows with i and j people, total mixed places over those rows).
    rows = {(1, 0, 0): (1, 0), (0, 1, 1): (1, 0)}
    for i in range(r + 1):
        for j in range(b + 1):
            if i + j < 2:
                continue
            for last, before in ((0, (i - 1, j)), (1, (i, j - 1))):
                same, same_mixed = rows.get((*before, last), (0, 0))
                other, other_mixed = rows.get((*before, 1 - last), (0, 0))
                rows[i, j, last] = (same + other, same_mixed + other_mixed + other)
    count = rows[r, b, 0][0] + rows[r, b, 1][0]
    mixed = rows[r, b, 0][1] + rows[r, b, 1][1]
    # The reduced denominator is the smallest q that makes the mean a whole number.
    q = next(q for q in range(1, count + 1) if mixed * q % count == 0)
    return mixed * q // count + q


EXPECTED_CHANGES = Family(
    name="expected_changes",
    topic=TOPIC,
    level=3,
    draw=_draw_expected_changes,
    wordings=(
        r"A random row is formed by $@r$ girls and $@b$ boys. The expected number of adjacent girl-boy pairs is $\frac{p}{q}$ in lowest terms. Find $p + q$.",
        r"$@r$ red and $@b$ blue balls are shuffled into a line. If the expected number of neighbouring balls with different colours is $\frac{m}{n}$ in lowest terms, what is $m + n$?",
        r"A random word has $@r$ letters $X$ and $@b$ letters $Y$. The mean number of places where two different letters are adjacent equals the reduced fraction $p/q$. Compute $p + q$.",
        r"Shuffle a deck of $@r$ red and $@b$ black cards. Let $E = \frac{m}{n}$, with $\gcd(m, n) = 1$, be the expected number of times the colour changes between consecutive cards. Find $m + n$.",
        r"A binary string with $@r$ zeros and $@b$ ones is chosen uniformly. The expected number of positions where $01$ or $10$ occurs is $a/b$ in simplest form. Determine $a + b$.",
    ),
    unseen_wordings=(
        r"In a random queue of $@r$ adults and $@b$ children, how many pairs of neighbours are of different kinds on average? Write this mean as an irreducible fraction and add its numerator and denominator.",
        r"$@r$ lit and $@b$ unlit lamps are hung in a row at random. The expected count of adjacent lamps in opposite states is $\frac{m}{n}$ in lowest terms. Give $m + n$.",
    ),
    thoughts=(
        "Use linearity: each neighbouring place is mixed with equal probability.",
        "The mean is 2 * @r * @b / (@r + @b); reduce it.",
    ),
    programs=(
        "from fractions import Fraction\ne = Fraction(2 * @r * @b, @r + @b)\nprint(e.numerator + e.denominator)",
        "from math import gcd\ntop, bottom = 2 * @r * @b, @r + @b\nd = gcd(top, bottom)\nprint(top // d + bottom // d)",
        "from fractions import Fraction\nn = @r + @b\ne = sum(Fraction(2 * @r * @b, n * (n - 1)) for i in range(n - 1))\nprint(e.numerator + e.denominator)",
    ),
    steps=_expected_changes_steps,
    brute_force=_expected_changes_brute_force,
)

PROBABILITY: tuple[Family, ...] = (DICE_SUM, URN, EXPECTED_CHANGES)
