"""Triangle families: counting integer triangles, medians and shortest paths by reflection."""

from __future__ import annotations

from fractions import Fraction
from math import hypot, isqrt
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "geometry"


def _draw_longest_side(rng: Random) -> Params:
    n = rng.randint(20, 180)
    return {"n": n, "s": rng.randint(2, min(n // 2, 40))}


def _longest_side_steps(params: Params) -> str:
    n, s = int(params["n"]), int(params["s"])
    total, small = (n + 1) ** 2 // 4, s * (s - 1) // 2
    return (
        f"Triangles with longest side {n}: floor({n + 1}^2 / 4) = {total}. "
        f"A shortest side a <= {s - 1} allows a triangles each, together {s - 1} * {s} / 2 = {small}. "
        f"{total} - {small} = {total - small}."
    )


def _longest_side_brute_force(params: Params) -> int:
    n, s = int(params["n"]), int(params["s"])
    return sum(a <= b < a + b > n for a in range(s, n + 1) for b in range(s, n + 1))


LONGEST_SIDE = Family(
    name="longest_side",
    topic=TOPIC,
    level=3,
    draw=_draw_longest_side,
    wordings=(
        r"How many non-congruent triangles with integer sides have longest side $@n$ and shortest side at least $@s$?",
        r"Find the number of triples of integers $@s \le a \le b \le @n$ such that $a$, $b$ and $@n$ are the sides of a non-degenerate triangle.",
        r"A triangle has integer side lengths. Its longest side is $@n$ and none of its sides is shorter than $@s$. How many such triangles exist, up to congruence?",
        r"Determine how many different triangles with integer sides, all at least $@s$, have greatest side exactly $@n$.",
        r"Up to congruence, count the triangles with sides $a \le b \le c$, where $a, b, c$ are integers, $a \ge @s$ and $c = @n$.",
        r"The largest side of an integer-sided triangle is $@n$ and its smallest side is not less than $@s$. Compute the number of possible triangles.",
    ),
    unseen_wordings=(
        r"Rods come in all integer lengths from $@s$ to $@n$, with many copies of each. Using a rod of length $@n$ as one side, how many different triangles can be built?",
        r"Among integer triangles in which no side exceeds $@n$, one side equals $@n$, and every side is $@s$ or more, how many are pairwise non-congruent?",
    ),
    thoughts=(
        "Count pairs a <= b from @s to @n with sum above @n.",
        "For each shortest side a, b must exceed @n - a and reach a.",
    ),
    programs=(
        "n = @n\nprint(sum(n + 1 - max(a, n - a + 1) for a in range(@s, n + 1)))",
        "count = 0\nfor a in range(@s, @n + 1):\n    for b in range(a, @n + 1):\n        if a + b > @n:\n            count += 1\nprint(count)",
        "n, s = @n, @s\nprint((n + 1) ** 2 // 4 - s * (s - 1) // 2)",
    ),
    steps=_longest_side_steps,
    brute_force=_longest_side_brute_force,
)


def _right_triangles(m: int, n: int) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    for c in range(m, n + 1):
        for a in range(1, c):
            b = isqrt(c * c - a * a)
            if a < b and a * a + b * b == c * c:
                found.append((a, b, c))
    return found


def _draw_right_perimeters(rng: Random) -> Params:
    while True:
        m = rng.randint(5, 130)
        n = m + rng.randint(5, 20)
        if 1 <= len(_right_triangles(m, n)) <= 11:
            return {"m": m, "n": n}


def _right_perimeters_steps(params: Params) -> str:
    sides = _right_triangles(int(params["m"]), int(params["n"]))
    perimeters = [sum(triangle) for triangle in sides]
    terms = "; ".join(f"{a}+{b}+{c}={a + b + c}" for a, b, c in sides)
    return f"The triangles: {terms}. {'+'.join(map(str, perimeters))} = {sum(perimeters)}."


def _right_perimeters_brute_force(params: Params) -> int:
    root = {c * c: c for c in range(int(params["m"]), int(params["n"]) + 1)}
    top = int(params["n"])
    return sum(a + b + root[a * a + b * b] for a in range(1, top) for b in range(a, top) if a * a + b * b in root)


RIGHT_PERIMETERS = Family(
    name="right_perimeters",
    topic=TOPIC,
    level=4,
    draw=_draw_right_perimeters,
    wordings=(
        r"Find the sum of the perimeters of all right triangles with integer sides whose hypotenuse is between $@m$ and $@n$, inclusive.",
        r"Consider all right triangles with integer side lengths and hypotenuse $c$, where $@m \le c \le @n$. What is the total of their perimeters?",
        r"Let $S$ be the set of integer triples $0 < a < b < c$ with $a^2 + b^2 = c^2$ and $@m \le c \le @n$. Compute the sum of $a + b + c$ over $S$.",
        r"The hypotenuse of a right triangle with integer sides is at least $@m$ and at most $@n$. Determine the sum of the perimeters of all such triangles, congruent ones counted once.",
        r"All non-congruent Pythagorean triangles with hypotenuse in the interval $[@m, @n]$ are drawn. How long are all their sides together?",
    ),
    unseen_wordings=(
        r"A wire shop bends one wire for each right triangle with integer sides and longest side from $@m$ to $@n$. What total length of wire is needed?",
        r"Add up $a + b + c$ for every Pythagorean triple $a < b < c$ in which $c$ is no less than $@m$ and no more than $@n$. What is the result?",
    ),
    thoughts=(
        "Find all right triangles with integer sides and add their sides.",
        "For c from @m to @n and each a, test for integer b.",
    ),
    programs=(
        "from math import isqrt\ntotal = 0\nfor c in range(@m, @n + 1):\n    for a in range(1, c):\n        b = isqrt(c * c - a * a)\n        if a < b and a * a + b * b == c * c:\n            total += a + b + c\nprint(total)",
        "q = {c * c: c for c in range(@m, @n + 1)}\nt = 0\nfor a in range(1, @n):\n    for b in range(a, @n):\n        s = a * a + b * b\n        if s in q:\n            t += a + b + q[s]\nprint(t)",
    ),
    steps=_right_perimeters_steps,
    brute_force=_right_perimeters_brute_force,
)


def _draw_median(rng: Random) -> Params:
    while True:
        a, b, c = (rng.randint(8, 150) for _ in range(3))
        if 2 * max(a, b, c) < a + b + c:
            return {"a": a, "b": b, "c": c}


def _median_steps(params: Params) -> str:
    a, b, c = (int(params[key]) for key in "abc")
    return (
        f"By Apollonius, 4 m^2 = 2 b^2 + 2 c^2 - a^2. 2 * {b}^2 = {2 * b * b}, 2 * {c}^2 = {2 * c * c}, "
        f"{a}^2 = {a * a}. {2 * b * b} + {2 * c * c} - {a * a} = {2 * b * b + 2 * c * c - a * a}."
    )


def _median_brute_force(params: Params) -> int:
    a, b, c = (int(params[key]) for key in "abc")
    foot = Fraction(a * a + c * c - b * b, 2 * a)  # B at the origin, C at (a, 0), A above foot
    height_squared = c * c - foot * foot
    return int(4 * ((foot - Fraction(a, 2)) ** 2 + height_squared))


MEDIAN = Family(
    name="median",
    topic=TOPIC,
    level=2,
    draw=_draw_median,
    wordings=(
        r"In triangle $ABC$, $BC = @a$, $CA = @b$ and $AB = @c$. Let $M$ be the midpoint of $BC$. Find $4 \cdot AM^2$.",
        r"Triangle $ABC$ has sides $BC = @a$, $CA = @b$, $AB = @c$. The median from $A$ has length $m$. Compute $4m^2$.",
        r"A triangle has side lengths $@a$, $@b$ and $@c$. Let $m$ be the length of the median to the side of length $@a$. What is $(2m)^2$?",
        r"Let $ABCD$ be a parallelogram with $AB = @b$, $BC = @c$ and $AC = @a$. Determine $BD^2$.",
        r"Point $M$ bisects side $BC = @a$ of triangle $ABC$, in which $CA = @b$ and $AB = @c$. Determine four times the square of $AM$.",
        r"The diagonals of a parallelogram with sides $@b$ and $@c$ are $@a$ and $d$. What is the value of $d^2$?",
    ),
    unseen_wordings=(
        r"The vertex $A$ of triangle $ABC$ is reflected in the midpoint of $BC$ to $A'$. If $BC = @a$, $CA = @b$ and $AB = @c$, what is the square of $AA'$?",
        r"A rhomboid with sides $@b$ and $@c$ has one diagonal of length $@a$. Find the square of the length of its other diagonal.",
    ),
    thoughts=(
        "The median formula is 4 m^2 = 2 b^2 + 2 c^2 - a^2.",
        "Complete to a parallelogram: squared diagonals add up to twice the squared sides.",
    ),
    programs=(
        "a, b, c = @a, @b, @c\nprint(2 * b * b + 2 * c * c - a * a)",
        "def other(a, b, c):\n    return 2 * (b ** 2 + c ** 2) - a ** 2\nprint(other(@a, @b, @c))",
        "print(2 * @b ** 2 + 2 * @c ** 2 - @a ** 2)",
    ),
    steps=_median_steps,
    brute_force=_median_brute_force,
)


def _draw_reflected_path(rng: Random) -> Params:
    a, c = rng.sample(range(1, 180), 2)
    return {"a": a, "b": rng.randint(2, 120), "c": c, "d": rng.randint(2, 120)}


def _reflected_path_steps(params: Params) -> str:
    a, b, c, d = (int(params[key]) for key in "abcd")
    across, down = abs(a - c), b + d
    return (
        f"Reflect ({c}, {d}) to ({c}, -{d}). The path becomes straight: across {across}, down {b} + {d} = {down}. "
        f"{across}^2 + {down}^2 = {across**2} + {down**2} = {across**2 + down**2}."
    )


def _reflected_path_brute_force(params: Params) -> int:
    a, b, c, d = (int(params[key]) for key in "abcd")

    def length(x: float) -> float:
        return hypot(x - a, b) + hypot(x - c, d)

    low, high = float(min(a, c)), float(max(a, c))
    for _ in range(120):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if length(left) < length(right):
            high = right
        else:
            low = left
    return round(length(low) ** 2)


REFLECTED_PATH = Family(
    name="reflected_path",
    topic=TOPIC,
    level=2,
    draw=_draw_reflected_path,
    wordings=(
        r"A path goes from $(@a, @b)$ to some point on the $x$-axis and then to $(@c, @d)$. Find the square of the least possible length of the path.",
        r"Let $A = (@a, @b)$ and $B = (@c, @d)$. Point $P$ moves on the $x$-axis and $L$ is the minimum of $AP + PB$. Compute $L^2$.",
        r"The minimum value of $\sqrt{(x - @a)^2 + @b^2} + \sqrt{(x - @c)^2 + @d^2}$ over real $x$ is $\sqrt{N}$. Determine $N$.",
        r"A ray of light leaves $(@a, @b)$, is reflected by a mirror along the $x$-axis and arrives at $(@c, @d)$. What is the square of the distance it travels?",
        r"A horse at $(@a, @b)$ must drink from the river $y = 0$ and then walk to $(@c, @d)$. Its shortest route has length $\sqrt{N}$. What is $N$?",
    ),
    unseen_wordings=(
        r"A ball rolls from $(@a, @b)$, bounces once off the wall $y = 0$ and stops at $(@c, @d)$. Its shortest track has length $s$. Find $s^2$.",
        r"Among all points $P$ with second coordinate $0$, one makes the sum of distances from $P$ to $(@a, @b)$ and $(@c, @d)$ smallest. What is the square of that smallest sum?",
    ),
    thoughts=(
        "Reflect the second point in the x-axis; the path becomes a straight line.",
        "The squared length is (@a - @c)^2 + (@b + @d)^2.",
    ),
    programs=(
        "print((@a - @c) ** 2 + (@b + @d) ** 2)",
        "a, b, c, d = @a, @b, @c, @d\nx = a - c\ny = b + d\nprint(x * x + y * y)",
        "def squared(x, y, u, v):\n    return (x - u) ** 2 + (y - v) ** 2\nprint(squared(@a, @b, @c, -@d))",
    ),
    steps=_reflected_path_steps,
    brute_force=_reflected_path_brute_force,
)

TRIANGLES: tuple[Family, ...] = (LONGEST_SIDE, RIGHT_PERIMETERS, MEDIAN, REFLECTED_PATH)
