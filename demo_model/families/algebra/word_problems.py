"""Algebra: word problems about purchases, shared work and growth."""

from __future__ import annotations

from math import gcd
from random import Random

from demo_model.families.family import Family, Params

TOPIC = "algebra"

_NAMES = ("Anna", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kira", "Leo", "Mina")


_GOODS = (
    ("adult tickets", "child tickets"),
    ("red pens", "blue pens"),
    ("large boxes", "small boxes"),
    ("roses", "tulips"),
    ("apples", "melons"),
    ("mugs", "plates"),
    ("notebooks", "folders"),
    ("chairs", "stools"),
)


def _draw_two_prices(rng: Random) -> Params:
    first, second = rng.choice(_GOODS)
    a, b = rng.sample(range(2, 30), 2)
    x, y = rng.randint(3, 150), rng.randint(3, 150)
    return {
        "name": rng.choice(_NAMES),
        "first": first,
        "second": second,
        "a": a,
        "b": b,
        "n": x + y,
        "t": a * x + b * y,
    }


def _two_prices_steps(params: Params) -> str:
    a, b, n, t = (int(params[key]) for key in "abnt")
    gap = abs(t - b * n)
    direction = "more" if a > b else "less"
    return (
        f"If all {n} were {params['second']}, the total would be {n} * {b} = {n * b}. "
        f"The true total {t} is {gap} {direction}. Each swap changes it by {abs(a - b)}. "
        f"{gap} / {abs(a - b)} = {gap // abs(a - b)}."
    )


def _two_prices_brute_force(params: Params) -> int:
    """Add the first price once more at each step until the rest of the items makes up the total."""
    a, b, n, t = (int(params[key]) for key in "abnt")
    count, cost = 0, sum([b] * n)
    while cost != t:
        count, cost = count + 1, cost + a - b
    return count


TWO_PRICES = Family(
    name="two_prices",
    topic=TOPIC,
    level=1,
    draw=_draw_two_prices,
    wordings=(
        r"@name sells @first for $@a$ dollars each and @second for $@b$ dollars each. Altogether $@n$ items bring in $@t$ dollars. How many @first were sold?",
        r"A shop charges $@a$ dollars for each of its @first and $@b$ dollars for each of its @second. @name buys $@n$ of them for $@t$ dollars in total. Find the number of @first bought.",
        r"@name paid $@t$ dollars for $@n$ items, all of them @first at $@a$ dollars each or @second at $@b$ dollars each. Determine the number of @first.",
        r"In total, $@n$ @first and @second cost @name exactly $@t$ dollars. If the @first cost $@a$ dollars apiece and the @second $@b$ dollars apiece, how many @first are there?",
        r"The prices are $@a$ dollars for @first and $@b$ dollars for @second, per piece. @name spends $@t$ dollars and goes home with $@n$ pieces. How many of these are @first?",
    ),
    unseen_wordings=(
        r"At a fair @name collected $@t$ dollars from @first ($@a$ dollars each) and @second ($@b$ dollars each). If $@n$ items were sold in all, what was the number of @first?",
        r"@name's bill lists $@n$ pieces: some @first priced at $@a$ dollars and some @second priced at $@b$ dollars. The bill adds up to $@t$ dollars. Compute how many @first it lists.",
    ),
    thoughts=(
        "Try each count x of @first until the total is @t dollars.",
        "Two linear equations: the items number @n and cost @t dollars.",
    ),
    programs=(
        "for x in range(@n + 1):\n    if @a * x + @b * (@n - x) == @t:\n        print(x)",
        "print((@t - @b * @n) // (@a - @b))",
        "print(next(x for x in range(@n + 1) if @a * x + @b * (@n - x) == @t))",
    ),
    steps=_two_prices_steps,
    brute_force=_two_prices_brute_force,
)


_JOBS = (
    "paint a fence",
    "mow a field",
    "clean a hall",
    "build a wall",
    "sort the mail",
    "pick the cherries",
    "print the posters",
    "dig a pond",
)


def _draw_shared_work(rng: Random) -> Params:
    name, other = rng.sample(_NAMES, 2)
    a, b = rng.sample(range(3, 81), 2)
    return {"name": name, "other": other, "job": rng.choice(_JOBS), "a": a, "b": b}


def _shared_work_steps(params: Params) -> str:
    a, b = int(params["a"]), int(params["b"])
    common = gcd(a * b, a + b)
    m, n = a * b // common, (a + b) // common
    return (
        f"Together they do 1/{a} + 1/{b} = {a + b}/{a * b} of the job per hour. "
        f"The time is {a * b}/{a + b}. Divide by {common}: {m}/{n}. {m} + {n} = {m + n}."
    )


def _shared_work_brute_force(params: Params) -> int:
    """The smallest n for which n hours at the joint rate is worth a whole m."""
    a, b = int(params["a"]), int(params["b"])
    n = 1
    while n * a * b % (a + b):
        n += 1
    return n * a * b // (a + b) + n


SHARED_WORK = Family(
    name="shared_work",
    topic=TOPIC,
    level=3,
    draw=_draw_shared_work,
    wordings=(
        r"@name can @job in $@a$ hours and @other can @job in $@b$ hours. Working together they need $\frac{m}{n}$ hours, a fraction in lowest terms. Find $m + n$.",
        r"Alone, @name needs $@a$ hours to @job, while @other needs $@b$ hours. Together they take $\frac{m}{n}$ hours, where $m$ and $n$ are coprime positive integers. What is $m + n$?",
        r"It takes @name $@a$ hours to @job. The same job takes @other $@b$ hours. If they share the work at these rates, it lasts $\frac{p}{q}$ hours with $\gcd(p, q) = 1$. Compute $p + q$.",
        r"Working at constant rates, @name would @job in $@a$ hours and @other in $@b$ hours. Write the time that both need together as a reduced fraction $\frac{m}{n}$ of hours. Determine $m + n$.",
        r"To @job, @name takes $@a$ hours and @other takes $@b$ hours. Both start at once and finish the job jointly after $\frac{m}{n}$ hours, in simplest form. Give $m + n$.",
    ),
    unseen_wordings=(
        r"@name and @other team up to @job. By themselves they would take $@a$ and $@b$ hours respectively. The team finishes in $\frac{r}{s}$ hours, with $r, s$ relatively prime. Evaluate $r + s$.",
        r"How long do @name and @other need to @job side by side, if single-handed they need $@a$ hours and $@b$ hours? Answer with numerator plus denominator of the reduced fraction of hours.",
    ),
    thoughts=(
        "The rates add, so take 1 / (1/@a + 1/@b) and reduce it.",
        "The joint time is the product over the sum, as a reduced fraction.",
    ),
    programs=(
        "from fractions import Fraction\nt = 1 / (Fraction(1, @a) + Fraction(1, @b))\nprint(t.numerator + t.denominator)",
        "from math import gcd\nm, n = @a * @b, @a + @b\ng = gcd(m, n)\nprint(m // g + n // g)",
        "from fractions import Fraction\nt = Fraction(@a * @b, @a + @b)\nprint(t.numerator + t.denominator)",
    ),
    steps=_shared_work_steps,
    brute_force=_shared_work_brute_force,
)

_COLONIES = ("bees", "rabbits", "fish", "ants", "deer", "geese", "trees", "frogs", "beetles")


def _draw_growth(rng: Random) -> Params:
    return {
        "things": rng.choice(_COLONIES),
        "s": rng.randint(100, 2000),
        "r": rng.randint(3, 50),
        "k": rng.randint(3, 8),
    }


def _growth_steps(params: Params) -> str:
    s, r, k = int(params["s"]), int(params["r"]), int(params["k"])
    values = [s]
    for _ in range(k):
        values.append(values[-1] * (100 + r) // 100)
    return (
        f"Multiply by {100 + r} and divide by 100, rounding down, {k} times. "
        f"{', '.join(map(str, values))}. The last is {values[-1]}."
    )


def _growth_brute_force(params: Params) -> int:
    """A newcomer each time the saved-up percents reach 100."""
    count = int(params["s"])
    for _ in range(int(params["k"])):
        newcomers, saved = 0, 0
        for _ in range(count):
            saved += int(params["r"])
            if saved >= 100:
                newcomers, saved = newcomers + 1, saved - 100
        count += newcomers
    return count


GROWTH = Family(
    name="growth",
    topic=TOPIC,
    level=2,
    draw=_draw_growth,
    wordings=(
        r"A park has $@s$ @things. Each year their number grows by $@r$ percent, rounded down to a whole number. How many @things are there after $@k$ years?",
        r"There are $@s$ @things at the start. Every month the count rises by $@r\%$, and any fractional part of the new count is dropped. Find the number of @things after $@k$ months.",
        r"Let $x_0 = @s$ be the initial number of @things, and $x_{i+1} = \left\lfloor x_i \cdot \left(1 + \frac{@r}{100}\right) \right\rfloor$. Determine the number $x_{@k}$ of @things.",
        r"A count of @things begins at $@s$ and increases by $@r$ percent per season, each new total being rounded down to an integer. What is the total after $@k$ seasons?",
        r"Starting with $@s$ @things, a reserve gains $\lfloor @r N / 100 \rfloor$ more each year, where $N$ is the current number. Compute the number of @things after $@k$ years.",
    ),
    unseen_wordings=(
        r"A biologist models @things with $P \mapsto \left\lfloor \frac{(100 + @r) P}{100} \right\rfloor$ each week. If $P = @s$ now, what is $P$ after $@k$ weeks?",
        r"On an island live $@s$ @things. In one year, $@r$ new ones arrive per hundred present, with the number of arrivals rounded down. How many will live there $@k$ years later?",
    ),
    thoughts=(
        "Repeat @k times: multiply by (100 + @r) / 100 and round down.",
        "Simulate each period with integer division by 100.",
    ),
    programs=(
        "x = @s\nfor _ in range(@k):\n    x = x * (100 + @r) // 100\nprint(x)",
        "x = @s\nfor _ in range(@k):\n    x += x * @r // 100\nprint(x)",
        "def grow(x, k):\n    return x if k == 0 else grow(x + x * @r // 100, k - 1)\n\nprint(grow(@s, @k))",
    ),
    steps=_growth_steps,
    brute_force=_growth_brute_force,
)

WORD_PROBLEMS: tuple[Family, ...] = (TWO_PRICES, SHARED_WORK, GROWTH)
