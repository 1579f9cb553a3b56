"""Solid families: painted boxes, least surface for a volume, cubes met by a space diagonal."""

from __future__ import annotations

from math import gcd
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "geometry"


def _draw_painted_box(rng: Random) -> Params:
    a, b, c = (rng.randint(4, 20) for _ in range(3))
    return {"a": a, "b": b, "c": c, "k": rng.randint(0, 2)}


def _painted_box_steps(params: Params) -> str:
    a, b, c, k = (int(params[key]) for key in "abck")
    x, y, z = a - 2, b - 2, c - 2
    start = f"Take 2 off each edge: {x}, {y}, {z}. "
    if k == 0:
        return start + f"Cubes inside: {x} * {y} * {z} = {x * y * z}."
    if k == 1:
        inner = x * y + y * z + z * x
        return start + f"Face centers: 2 * ({x * y} + {y * z} + {z * x}) = 2 * {inner} = {2 * inner}."
    return start + f"Edge cubes: 4 * ({x} + {y} + {z}) = 4 * {x + y + z} = {4 * (x + y + z)}."


def _painted_box_brute_force(params: Params) -> int:
    a, b, c, k = (int(params[key]) for key in "abck")
    count = 0
    for x in range(a):
        for y in range(b):
            for z in range(c):
                faces = (x == 0) + (x == a - 1) + (y == 0) + (y == b - 1) + (z == 0) + (z == c - 1)
                count += faces == k
    return count


PAINTED_BOX = Family(
    name="painted_box",
    topic=TOPIC,
    level=1,
    draw=_draw_painted_box,
    wordings=(
        r"A $@a \times @b \times @c$ box is painted on the outside and cut into unit cubes. How many unit cubes have exactly $@k$ painted faces?",
        r"The whole surface of a wooden block with edges $@a$, $@b$, $@c$ is painted. The block is sawn into cubes of edge $1$. Find the number of cubes with $@k$ painted faces.",
        r"Unit cubes are glued into a solid $@a$ by $@b$ by $@c$ block, which is then dipped in paint. Determine how many of the cubes have paint on exactly $@k$ of their faces.",
        r"A rectangular prism measures $@a \times @b \times @c$ and consists of unit cubes. Compute the number of these cubes with exactly $@k$ faces on the surface of the prism.",
        r"All six faces of a $@a \times @b \times @c$ brick made of unit cubes are colored red. For how many unit cubes is the number of red faces equal to $@k$?",
    ),
    unseen_wordings=(
        r"A cheese of size $@a \times @b \times @c$ is covered with wax and divided into unit cubes. How many pieces carry wax on precisely $@k$ sides?",
        r"In a stack of unit cubes with dimensions $@a$, $@b$ and $@c$, how many cubes show exactly $@k$ faces on the outside, bottom and back included?",
    ),
    thoughts=(
        "Count the cubes with @k coordinates at an end of the box.",
        "Look at each unit cube and count its faces on the surface.",
    ),
    programs=(
        "a, b, c = @a, @b, @c\nx, y, z = a - 2, b - 2, c - 2\nprint([x * y * z, 2 * (x * y + y * z + z * x), 4 * (x + y + z)][@k])",
        "count = 0\nfor x in range(@a):\n    for y in range(@b):\n        for z in range(@c):\n            f = (x in (0, @a - 1)) + (y in (0, @b - 1)) + (z in (0, @c - 1))\n            if f == @k:\n                count += 1\nprint(count)",
        "x, y, z = @a - 2, @b - 2, @c - 2\nk = @k\nif k == 0:\n    print(x * y * z)\nelif k == 1:\n    print(2 * (x * y + y * z + z * x))\nelse:\n    print(4 * (x + y + z))",
    ),
    steps=_painted_box_steps,
    brute_force=_painted_box_brute_force,
)


def _draw_least_surface(rng: Random) -> Params:
    return {"v": rng.randint(2, 21) * rng.randint(2, 21) * rng.randint(2, 21)}


def _least_surface_steps(params: Params) -> str:
    v = int(params["v"])
    boxes: list[tuple[int, int, int, int]] = []
    for a in (d for d in range(1, v + 1) if v % d == 0 and d**3 <= v):
        for b in (d for d in range(a, v // a + 1) if v // a % d == 0 and d * d <= v // a):
            c = v // a // b
            boxes.append((2 * (a * b + b * c + c * a), a, b, c))
    boxes.sort()
    terms = ", ".join(f"{a}*{b}*{c}: 2 * ({a * b} + {b * c} + {c * a}) = {s}" for s, a, b, c in boxes[1::-1])
    return f"The boxes of volume {v} nearest to a cube, with surface: {terms}. The least is {boxes[0][0]}."


def _least_surface_brute_force(params: Params) -> int:
    v = int(params["v"])
    divisors = [d for d in range(1, v + 1) if v % d == 0]
    return min(2 * (a * b + (a + b) * (v // (a * b))) for a in divisors for b in divisors if v % (a * b) == 0)


LEAST_SURFACE = Family(
    name="least_surface",
    topic=TOPIC,
    level=3,
    draw=_draw_least_surface,
    wordings=(
        r"A rectangular box with integer edge lengths has volume $@v$. What is the least possible surface area of the box?",
        r"Positive integers $a, b, c$ satisfy $abc = @v$. Find the minimum value of $2(ab + bc + ca)$.",
        r"A solid block is built from exactly $@v$ unit cubes. Determine the smallest surface area that such a rectangular block can have.",
        r"Among all rectangular prisms with integer sides and volume $@v$, one has the smallest surface area. Compute this area.",
        r"The edges of a box are whole numbers with product $@v$. What is the minimum total area of its six faces?",
    ),
    unseen_wordings=(
        r"A company packs $@v$ unit cubes into one full rectangular carton without gaps. What is the least area of cardboard for the six sides of the carton?",
        r"Over all ways to write $@v$ as an ordered product $xyz$ of positive integers, how small can $2xy + 2yz + 2zx$ be?",
    ),
    thoughts=(
        "Try all a, b, c with product @v and keep the least surface.",
        "Loop over divisors a of @v and b of the quotient.",
    ),
    programs=(
        "v = @v\ns = 6 * v\nfor a in range(1, v + 1):\n    if v % a == 0:\n        w = v // a\n        for b in range(1, w + 1):\n            if w % b == 0:\n                s = min(s, 2 * (w + a * b + a * w // b))\nprint(s)",
        "v = @v\nd = [k for k in range(1, v + 1) if v % k == 0]\nprint(min(2 * (a * b + v // a + v // b) for a in d for b in d if v % (a * b) == 0))",
    ),
    steps=_least_surface_steps,
    brute_force=_least_surface_brute_force,
)


def _draw_diagonal_cubes(rng: Random) -> Params:
    p, q, r, s = (rng.randint(1, 6) for _ in range(4))
    return {
        "a": p * q * s * rng.randint(1, 9),
        "b": p * r * s * rng.randint(1, 9),
        "c": q * r * s * rng.randint(1, 9),
    }


def _diagonal_cubes_steps(params: Params) -> str:
    a, b, c = (int(params[key]) for key in "abc")
    ab, bc, ca, every = gcd(a, b), gcd(b, c), gcd(c, a), gcd(a, b, c)
    planes, lines = a + b + c, ab + bc + ca
    return (
        f"Inclusion-exclusion over the planes crossed. Edges: {a} + {b} + {c} = {planes}. "
        f"Pairwise gcds: {ab} + {bc} + {ca} = {lines}. Common gcd: {every}. "
        f"{planes} - {lines} + {every} = {planes - lines + every}."
    )


def _diagonal_cubes_brute_force(params: Params) -> int:
    a, b, c = (int(params[key]) for key in "abc")
    x = y = z = cubes = 0
    while x < a:  # walk along the diagonal from cube to cube
        cubes += 1
        times = ((x + 1) * b * c, (y + 1) * a * c, (z + 1) * a * b)
        first = min(times)
        x, y, z = x + (times[0] == first), y + (times[1] == first), z + (times[2] == first)
    return cubes


DIAGONAL_CUBES = Family(
    name="diagonal_cubes",
    topic=TOPIC,
    level=5,
    draw=_draw_diagonal_cubes,
    wordings=(
        r"A $@a \times @b \times @c$ box is made of unit cubes. Through the interiors of how many unit cubes does a space diagonal of the box pass?",
        r"Unit cubes are stacked to form a solid with edges $@a$, $@b$ and $@c$. Find the number of unit cubes that an internal diagonal of the solid pierces.",
        r"The segment from $(0, 0, 0)$ to $(@a, @b, @c)$ is drawn in space. Determine how many unit cubes with integer corners contain an interior point on this segment.",
        r"A straight needle goes through a rectangular $@a \times @b \times @c$ block from one corner to the opposite one. Compute the number of unit cubes of the block whose inside it meets.",
        r"An integer box has dimensions $@a$, $@b$, $@c$ and is cut into unit cubes. How many of these cubes have interior points in common with the long diagonal of the box?",
    ),
    unseen_wordings=(
        r"A laser beam joins opposite corners of a glass cuboid composed of $@a \times @b \times @c$ unit cubes. The inside of how many of the cubes is lit?",
        r"A worm eats its way straight from one corner to the opposite corner of a $@a$ by $@b$ by $@c$ pile of unit sugar cubes. How many cubes does it bite into?",
    ),
    thoughts=(
        "Use a + b + c minus the pairwise gcds plus the common gcd.",
        "Each new cube starts when the diagonal crosses a grid plane.",
    ),
    programs=(
        "from math import gcd\na, b, c = @a, @b, @c\nprint(a + b + c - gcd(a, b) - gcd(b, c) - gcd(c, a) + gcd(a, gcd(b, c)))",
        "a, b, c = @a, @b, @c\nx = {i * b * c for i in range(a)}\ny = {i * a * c for i in range(b)}\nz = {i * a * b for i in range(c)}\nprint(len(x | y | z))",
        "from math import gcd\na, b, c = @a, @b, @c\nt = a + b + c\nt -= gcd(a, b) + gcd(b, c) + gcd(a, c)\nt += gcd(gcd(a, b), c)\nprint(t)",
    ),
    steps=_diagonal_cubes_steps,
    brute_force=_diagonal_cubes_brute_force,
)

SOLIDS: tuple[Family, ...] = (PAINTED_BOX, LEAST_SURFACE, DIAGONAL_CUBES)
