"""Step nodes: the steps tried at one point of a solution and how they turned out, as JSON lines.

A line is `{"problem", "prefill", "prefix", "children": [{"text", "visits", "value"}]}`. The prefix is all
text after the prompt and the prefill, tool outputs included; a child's value is the mean outcome, from -1
(wrong) to 1 (right), of everything that went through it. Tree searches write such lines, and plain
rollouts with the same beginning are merged into them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aimo_solver.dialects.dialect import Dialect
from aimo_solver.errors import InputError
from aimo_solver.rollouts.search.training_rows import MAX_SOLUTIONS
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.utils.files import json_rows, read_text

STEP_END = "\n\n"


@dataclass(frozen=True, slots=True)
class StepChild:
    """A step that was tried at a node."""

    text: str
    visits: int
    value: float
    """In [-1, 1]."""

    def __post_init__(self) -> None:
        if self.visits < 1:
            raise ValueError(f"visits must be at least 1, got {self.visits!r}")
        if not -1.0 <= self.value <= 1.0:
            raise ValueError(f"value must be in [-1, 1], got {self.value!r}")


@dataclass(frozen=True, slots=True)
class StepNode:
    """A point in a solution, and the steps that were tried there."""

    problem: str
    """The statement."""
    prefix: str
    children: tuple[StepChild, ...]
    prefill: str = ""
    """The text that the model was made to begin with."""


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """A step as the model wrote it, and the output it was shown after it."""

    text: str
    shown: str = ""
    """The tool's output, as the dialect renders it."""


def split_steps(trajectory: Trajectory, dialect: Dialect) -> list[WrittenStep]:
    """Splits a rollout into steps, each of which ends with an empty line or a tool call.

    What follows a flush is left out: there the model was forced to answer.
    """
    steps: list[WrittenStep] = []
    for turn in trajectory.turns:
        if turn.flush:
            break
        pieces = [piece + STEP_END for piece in turn.text.split(STEP_END)]
        pieces[-1] = pieces[-1].removesuffix(STEP_END)
        steps += [WrittenStep(piece) for piece in pieces if piece]
        if turn.output is not None and steps:
            steps[-1] = WrittenStep(steps[-1].text, dialect.render_output(turn.output))
    return steps


def merge_rollouts(
    problem: str, rollouts: Iterable[tuple[list[WrittenStep], bool]], prefill: str = ""
) -> list[StepNode]:
    """Merges one problem's rollouts, each given as its steps and whether its answer is right, into nodes.

    The last node's children are whole solutions, some right and some wrong: final steps have no siblings
    worth comparing, because they only copy the output above them.
    """
    outcomes: dict[str, dict[str, list[int]]] = {}
    solutions: dict[bool, list[str]] = {True: [], False: []}
    for steps, right in rollouts:
        prefix = ""
        for step in steps:
            outcomes.setdefault(prefix, {}).setdefault(step.text, []).append(1 if right else -1)
            prefix += step.text + step.shown
        if steps and prefix not in solutions[right]:
            solutions[right].append(prefix)
    nodes = [
        StepNode(
            problem, prefix, tuple(StepChild(text, len(o), sum(o) / len(o)) for text, o in children.items()), prefill
        )
        for prefix, children in outcomes.items()
    ]
    whole = [
        StepChild(text, 1, 1.0 if right else -1.0)
        for right, texts in solutions.items()
        for text in texts[:MAX_SOLUTIONS]
    ]
    return [*nodes, StepNode(problem, "", tuple(whole), prefill)] if all(solutions.values()) else nodes


def step_lines(nodes: Iterable[StepNode]) -> str:
    """Returns the nodes as JSON lines."""
    return "".join(json.dumps(asdict(node)) + "\n" for node in nodes)


def read_step_nodes(path: Path) -> list[StepNode]:
    """Reads step nodes. Raises InputError that names file and line."""
    return list(_read(path))


def _read(path: Path) -> Iterator[StepNode]:
    for line, row in json_rows(path, read_text(path, "a .jsonl file of step nodes")):
        try:
            yield _node(row)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}, line {line}: not a valid step node ({error!r}); see demo_model/step_nodes.py"
            ) from None


def _node(row: Mapping[str, Any]) -> StepNode:
    children = tuple(StepChild(str(c["text"]), int(c["visits"]), float(c["value"])) for c in row["children"])
    return StepNode(str(row["problem"]), str(row["prefix"]), children, str(row.get("prefill", "")))
