"""Draws step nodes to train a process preference model on: `python -m demo_model.draw_steps --out steps.jsonl`.

Answers fresh problems of the families, never those of the demo set, with plain rollouts of the demo
model on the real engine, and merges the rollouts that begin alike. Wordings kept out of training
stay out here too. Seeded: the problems are the same for ever, the rollouts on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

from rich.console import Console

from aimo_solver.bundled import DEMO_MODEL
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.entry import run_or_exit, run_set
from aimo_solver.hardware import AUTO
from aimo_solver.logged_run import LoggedRun, read_run
from aimo_solver.problem import Problem
from aimo_solver.problem_set import ProblemSet
from aimo_solver.run_options import DEFAULT_LIMIT_SECONDS, run_options
from aimo_solver.text_file import write_text
from aimo_solver.trajectory import StopReason, Trajectory
from demo_model.demo_set import held_out
from demo_model.families import FAMILIES
from demo_model.families.family import fill
from demo_model.step_nodes import StepNode, merge_rollouts, split_steps, step_lines

PROBLEMS_AT_ONCE = 4
# They say nothing of the steps: somebody else ended them.
_BROKEN_OFF = frozenset(
    {StopReason.CANCELLED, StopReason.DEADLINE, StopReason.SANDBOX_FAILED, StopReason.ENGINE_FAILED, StopReason.FAILED}
)


def draw_problems(count: int, seed: int) -> tuple[Problem, ...]:
    """Fresh problems, spread evenly over the families. Each depends on the seed and its index alone."""
    return tuple(_problem(index, seed) for index in range(count))


def _problem(index: int, seed: int) -> Problem:
    rng = Random(f"steps:{seed}:{index}")
    family = FAMILIES[index % len(FAMILIES)]
    params = family.draw(rng)
    while (family.name, str(params)) in held_out():
        params = family.draw(rng)
    text = fill(rng.choice(family.wordings), params)
    return Problem(f"{index:05d}_{family.name}", text, family.brute_force(params), family.topic, family.level)


def nodes_of_run(run: LoggedRun) -> Iterator[StepNode]:
    """The step nodes of a run's problems, those without a right answer left out."""
    rollouts: dict[str, list[Trajectory]] = {}
    for trajectory in run.trajectories:
        if trajectory.stop_reason not in _BROKEN_OFF:
            rollouts.setdefault(trajectory.problem_id, []).append(trajectory)
    for problem in run.problems:
        if problem.gold is None:
            continue
        split = [(split_steps(t, NUMINA), t.answer == problem.gold) for t in rollouts.get(problem.id, ())]
        yield from merge_rollouts(problem.text, split)


def draw_run(problems: int, rollouts: int, seed: int, runs_folder: Path) -> Path:
    """Answers fresh problems at temperature 1; the run folder."""
    options = run_options(
        model=DEMO_MODEL,
        preset="demo",
        hardware=AUTO,
        edition="any-integer",
        seed=seed,
        limit_seconds=DEFAULT_LIMIT_SECONDS,
        rollouts=rollouts,
        early_stop=False,
        temperature=1.0,
    )
    problem_set = ProblemSet("steps", draw_problems(problems, seed))
    outcome = asyncio.run(run_set(options, problem_set, runs_folder, Console(stderr=True), at_once=PROBLEMS_AT_ONCE))
    return outcome.folder


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m demo_model.draw_steps --problems 300 --out steps.jsonl"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--rollouts", type=int, default=16, help="a problem")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs-folder", type=Path, default=Path("runs"))
    parser.add_argument("--run", type=Path, help="a run folder whose rollouts to take instead of drawing")
    arguments = parser.parse_args()

    def run() -> None:
        folder = arguments.run or draw_run(
            arguments.problems, arguments.rollouts, arguments.seed, arguments.runs_folder
        )
        nodes = list(nodes_of_run(read_run(folder)))
        write_text(arguments.out, step_lines(nodes))
        print(f"{arguments.out}: {len(nodes)} nodes of {folder}")

    run_or_exit(run)


if __name__ == "__main__":
    main()
