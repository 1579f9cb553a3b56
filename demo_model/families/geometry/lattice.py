"""Lattice families: points in circles and triangles, areas from coordinates, rectangles in grids."""

from __future__ import annotations

from math import gcd, isqrt
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "geometry"

Point = tuple[int, int]


def _turn(p: Point, q: Point, r: Point) -> int:
    """Twice the signed area of the triangle p, q, r."""
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


def _draw_circle_points(rng: Random) -> Params:
    return {"r": rng.randint(20, 700)}


def _circle_points_steps(params: Params) -> str:
    r = int(params["r"])
    side = isqrt(r)
    columns = [isqrt(r - x * x) for x in range(1, side + 1)]
    inner = sum(columns)
    return (
        f"The axes hold 1 + 4 * {side} = {1 + 4 * side} points. "
        f"Columns x = 1 to {side} of a quadrant: {'+'.join(map(str, columns))} = {inner}. "
        f"{1 + 4 * side} + 4 * {inner} = {1 + 4 * side + 4 * inner}."
    )


def _circle_points_brute_force(params: Params) -> int:
    r = int(params["r"])
    return sum(x * x + y * y <= r for x in range(-30, 31) for y in range(-30, 31))


CIRCLE_POINTS = Family(
    name="circle_points",
    topic=TOPIC,
    level=2,
    draw=_draw_circle_points,
    wordings=(
        r"How many lattice points $(x, y)$ satisfy $x^2 + y^2 \le @r$?",
        r"Find the number of ordered pairs of integers $(x, y)$ for which $x^2 + y^2$ is at most $@r$.",
        r"A disk is centered at the origin and has radius $\sqrt{@r}$. How many points with integer coordinates lie inside it or on its boundary?",
        r"Determine how many points of the plane with both coordinates integers are at distance at most $\sqrt{@r}$ from the origin.",
        r"Let $C$ be the circle $x^2 + y^2 = @r$. Compute the number of lattice points on $C$ or in its interior.",
        r"The squared distance from an integer point $P$ to $(0, 0)$ does not exceed $@r$. How many such points $P$ are there?",
    ),
    unseen_wordings=(
        r"A grasshopper may stand on any integer point whose squared distance from the origin is no more than $@r$. On how many points may it stand?",
        r"Count all pairs of integers, negative ones included, whose squares add up to $@r$ or less.",
    ),
    thoughts=(
        "Count the integer pairs with x^2 + y^2 <= @r.",
        "Go column by column: |y| is at most the root of @r - x^2.",
        "Test all points of a square around the origin.",
    ),
    programs=(
        "from math import isqrt\nr = @r\ns = isqrt(r)\nprint(sum(2 * isqrt(r - x * x) + 1 for x in range(-s, s + 1)))",
        "r = @r\ncount = 0\nfor x in range(-30, 31):\n    for y in range(-30, 31):\n        if x * x + y * y <= r:\n            count += 1\nprint(count)",
        "from math import isqrt\ns = isqrt(@r)\nprint(sum(1 for x in range(-s, s + 1) for y in range(-s, s + 1) if x * x + y * y <= @r))",
    ),
    steps=_circle_points_steps,
    brute_force=_circle_points_brute_force,
)


def _draw_triangle_interior(rng: Random) -> Params:
    while True:
        a, b, c, d = (rng.randint(1, 40) for _ in range(4))
        if abs(a * d - b * c) >= 60:
            return {"a": a, "b": b, "c": c, "d": d}


def _triangle_interior_steps(params: Params) -> str:
    a, b, c, d = (int(params[key]) for key in "abcd")
    doubled = abs(a * d - b * c)
    first, second, third = gcd(a, b), gcd(c, d), gcd(a - c, b - d)
    edge = first + second + third
    return (
        f"Twice the area is |{a} * {d} - {b} * {c}| = |{a * d} - {b * c}| = {doubled}. "
        f"Boundary points: {first} + {second} + {third} = {edge}. "
        f"By Pick, ({doubled} - {edge} + 2) / 2 = {(doubled - edge + 2) // 2}."
    )


def _triangle_interior_brute_force(params: Params) -> int:
    a, b, c, d = (int(params[key]) for key in "abcd")
    count = 0
    for x in range(1, max(a, c)):
        for y in range(1, max(b, d)):
            sides = (_turn((0, 0), (a, b), (x, y)), _turn((a, b), (c, d), (x, y)), _turn((c, d), (0, 0), (x, y)))
            count += min(sides) > 0 or max(sides) < 0
    return count


TRIANGLE_INTERIOR = Family(
    name="triangle_interior",
    topic=TOPIC,
    level=4,
    draw=_draw_triangle_interior,
    wordings=(
        r"How many lattice points lie strictly inside the triangle with vertices $(0, 0)$, $(@a, @b)$ and $(@c, @d)$?",
        r"A triangle has vertices $O(0, 0)$, $A(@a, @b)$ and $B(@c, @d)$. Find the number of points with integer coordinates in its interior.",
        r"Let $T$ be the triangle with corners at the origin, $(@a, @b)$ and $(@c, @d)$. Determine how many integer points are in $T$ but not on its sides.",
        r"The points $P = (@a, @b)$ and $Q = (@c, @d)$ form a triangle with the origin. Compute the number of interior lattice points of this triangle.",
        r"Consider triangle $OPQ$, where $O$ is the origin, $P = (@a, @b)$ and $Q = (@c, @d)$. How many ordered pairs of integers $(x, y)$ are strictly inside it?",
    ),
    unseen_wordings=(
        r"A triangular field has fence posts at $(0, 0)$, $(@a, @b)$ and $(@c, @d)$. Trees stand at all integer points strictly within the fence. How many trees are there?",
        r"Not counting points on the boundary, how many points of the integer grid does the triangle spanned by $(0, 0)$, $(@a, @b)$, $(@c, @d)$ contain?",
    ),
    thoughts=(
        "Use Pick: twice the area is 2I + B - 2.",
        "The cross product gives the area, gcds give the boundary points.",
    ),
    programs=(
        "from math import gcd\ns = abs(@a * @d - @b * @c)\ne = gcd(@a, @b) + gcd(@c, @d) + gcd(@a - @c, @b - @d)\nprint((s - e + 2) // 2)",
        "from math import gcd\na, b, c, d = @a, @b, @c, @d\ns = abs(a * d - b * c)\ne = gcd(a, b) + gcd(c, d) + gcd(a - c, b - d)\nprint((s - e) // 2 + 1)",
        "from math import gcd\ndef edge(x, y):\n    return gcd(x, y)\ns = abs(@a * @d - @b * @c)\ne = edge(@a, @b) + edge(@c, @d) + edge(@c - @a, @d - @b)\nprint(1 + (s - e) // 2)",
    ),
    steps=_triangle_interior_steps,
    brute_force=_triangle_interior_brute_force,
)


def _draw_quadrilateral_area(rng: Random) -> Params:
    while True:
        p, q, r = ((rng.randint(1, 45), rng.randint(1, 45)) for _ in range(3))
        corners = ((0, 0), p, q, r)
        if all(_turn(corners[i - 2], corners[i - 1], corners[i]) > 0 for i in range(4)):
            return {"a": p[0], "b": p[1], "c": q[0], "d": q[1], "e": r[0], "f": r[1]}


def _quadrilateral_area_steps(params: Params) -> str:
    a, b, c, d, e, f = (int(params[key]) for key in "abcdef")
    first, second = a * d - b * c, c * f - d * e
    return (
        f"Shoelace, where the origin adds nothing: {a} * {d} - {b} * {c} = {first}. "
        f"{c} * {f} - {d} * {e} = {second}. {first} + {second} = {first + second}."
    )


def _quadrilateral_area_brute_force(params: Params) -> int:
    a, b, c, d, e, f = (int(params[key]) for key in "abcdef")
    corners = ((0, 0), (a, b), (c, d), (e, f))
    inner = edge = 0
    for x in range(46):
        for y in range(46):
            side = min(_turn(corners[i - 1], corners[i], (x, y)) for i in range(4))
            inner += side > 0
            edge += side == 0
    return 2 * inner + edge - 2


QUADRILATERAL_AREA = Family(
    name="quadrilateral_area",
    topic=TOPIC,
    level=2,
    draw=_draw_quadrilateral_area,
    wordings=(
        r"Find twice the area of the quadrilateral with vertices $(0, 0)$, $(@a, @b)$, $(@c, @d)$ and $(@e, @f)$, in this order.",
        r"Let $O = (0, 0)$, $A = (@a, @b)$, $B = (@c, @d)$ and $C = (@e, @f)$. The area of the convex quadrilateral $OABC$ is $K$. Compute $2K$.",
        r"A convex quadrilateral has consecutive corners at the origin, $(@a, @b)$, $(@c, @d)$ and $(@e, @f)$. If its area is $\frac{n}{2}$, what is $n$?",
        r"Starting at the origin, one walks straight to $(@a, @b)$, then $(@c, @d)$, then $(@e, @f)$, then back. Determine twice the area enclosed by the path.",
        r"In the coordinate plane, the polygon $(0, 0), (@a, @b), (@c, @d), (@e, @f)$ has area $S$. What is the value of $2S$?",
    ),
    unseen_wordings=(
        r"A convex garden has its four corners, in order, at $(0, 0)$, $(@a, @b)$, $(@c, @d)$, $(@e, @f)$. What is the double of its area?",
        r"A parallelogram has twice the area of the convex quadrilateral whose successive vertices are the origin, $(@a, @b)$, $(@c, @d)$, $(@e, @f)$. What is the area of the parallelogram?",
    ),
    thoughts=(
        "The shoelace formula gives twice the area.",
        "Add the cross products of consecutive vertices.",
    ),
    programs=(
        "print(abs(@a * @d - @b * @c + @c * @f - @d * @e))",
        "p = [(0, 0), (@a, @b), (@c, @d), (@e, @f)]\ns = 0\nfor i in range(4):\n    s += p[i - 1][0] * p[i][1] - p[i - 1][1] * p[i][0]\nprint(abs(s))",
        "def cross(a, b, c, d):\n    return a * d - b * c\nprint(abs(cross(@a, @b, @c, @d) + cross(@c, @d, @e, @f)))",
    ),
    steps=_quadrilateral_area_steps,
    brute_force=_quadrilateral_area_brute_force,
)


def _draw_grid_rectangles(rng: Random) -> Params:
    sides = [rng.randint(3, 40), rng.randint(3, 15)]
    rng.shuffle(sides)
    return {"m": sides[0], "n": sides[1]}


def _grid_rectangles_steps(params: Params) -> str:
    m, n = int(params["m"]), int(params["n"])
    rows, columns = m * (m + 1) // 2, n * (n + 1) // 2
    squares = [(m - k) * (n - k) for k in range(min(m, n))]
    return (
        f"All rectangles: {rows} * {columns} = {rows * columns}. "
        f"Squares: {'+'.join(map(str, squares))} = {sum(squares)}. "
        f"{rows * columns} - {sum(squares)} = {rows * columns - sum(squares)}."
    )


def _grid_rectangles_brute_force(params: Params) -> int:
    m, n = int(params["m"]), int(params["n"])
    return sum(
        bottom - top != right - left
        for top in range(m)
        for bottom in range(top + 1, m + 1)
        for left in range(n)
        for right in range(left + 1, n + 1)
    )


GRID_RECTANGLES = Family(
    name="grid_rectangles",
    topic=TOPIC,
    level=3,
    draw=_draw_grid_rectangles,
    wordings=(
        r"How many rectangles that are not squares can be traced along the lines of a $@m \times @n$ grid of unit squares?",
        r"A board has $@m$ rows and $@n$ columns of unit cells. Find the number of rectangles made of cells that are not squares.",
        r"A rectangle of size $@m$ by $@n$ is divided into unit squares. Determine how many non-square rectangles have all their sides on the grid lines.",
        r"On a sheet of $@m \times @n$ unit cells, a rectangle along grid lines is called long if its sides are unequal. How many long rectangles are there?",
        r"Compute the number of rectangles with sides of different lengths that are formed by the lines of a $@m \times @n$ checkerboard.",
    ),
    unseen_wordings=(
        r"A window has $@m$ rows of $@n$ square panes. How many rectangular blocks of panes are not square?",
        r"Pick two horizontal and two vertical lines of a $@m$ by $@n$ unit grid. In how many ways do they bound a rectangle that is not a square?",
    ),
    thoughts=(
        "Count all rectangles and leave out the squares.",
        "Loop over width and height and count the positions when they differ.",
    ),
    programs=(
        "m, n = @m, @n\nprint(sum((m - h + 1) * (n - w + 1) for h in range(1, m + 1) for w in range(1, n + 1) if h != w))",
        "m, n = @m, @n\ntotal = m * (m + 1) // 2 * (n * (n + 1) // 2)\nfor k in range(min(m, n)):\n    total -= (m - k) * (n - k)\nprint(total)",
        "count = 0\nfor h in range(1, @m + 1):\n    for w in range(1, @n + 1):\n        if h != w:\n            count += (@m + 1 - h) * (@n + 1 - w)\nprint(count)",
    ),
    steps=_grid_rectangles_steps,
    brute_force=_grid_rectangles_brute_force,
)

LATTICE: tuple[Family, ...] = (CIRCLE_POINTS, TRIANGLE_INTERIOR, QUADRILATERAL_AREA, GRID_RECTANGLES)
