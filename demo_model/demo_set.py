"""Draws the demo set: `python -m demo_model.demo_set` writes validation_sets/demo.jsonl.

100 problems with fresh numbers, spread evenly over the families, a third of them in wordings kept out of
training, and the 10 harder ones written by hand. Answers come from brute force, never from the traces
that teach the model. Seeded: the same families give the same file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

from demo_model.families import FAMILIES, Family, Params
from demo_model.families.family import fill
from demo_model.hard_problems import HARD_PROBLEMS

PROBLEMS = 100
UNSEEN_EVERY = 3
SEED = "demo set"
PATH = Path(__file__).parent.parent / "validation_sets" / "demo.jsonl"


def draws() -> Iterator[tuple[Family, Params, str, bool]]:
    """Yields each problem's family, parameters and wording, and whether that wording is kept out of training."""
    rng = Random(SEED)
    families = [FAMILIES[index % len(FAMILIES)] for index in range(PROBLEMS)]
    rng.shuffle(families)
    for index, family in enumerate(families):
        unseen = index % UNSEEN_EVERY == 0
        params = family.draw(rng)
        yield family, params, rng.choice(family.unseen_wordings if unseen else family.wordings), unseen


@cache
def held_out() -> frozenset[tuple[str, str]]:
    """Returns the family names and parameters that training must not draw."""
    return frozenset((family.name, str(params)) for family, params, _, _ in draws())


def demo_rows() -> Iterator[dict[str, object]]:
    """Yields the set's lines, in order."""
    for index, (family, params, wording, unseen) in enumerate(draws()):
        yield {
            "id": f"{index + 1:03d}_{family.name}",
            "problem": fill(wording, params),
            "answer": family.brute_force(params),
            "source": f"{family.topic}, {'new' if unseen else 'seen'} wording",
            "level": family.level,
        }
    for problem in HARD_PROBLEMS:
        yield {
            "id": problem.id,
            "problem": problem.problem,
            "answer": problem.brute_force(),
            "source": "written by hand",
            "level": 6,
        }


def main() -> None:
    """Writes the file."""
    PATH.write_text("".join(json.dumps(row) + "\n" for row in demo_rows()), encoding="utf-8")
    print(f"{PATH}: {PROBLEMS + len(HARD_PROBLEMS)} problems")


if __name__ == "__main__":
    main()
