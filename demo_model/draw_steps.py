"""Draws step nodes to train a process preference model on: `python -m demo_model.draw_steps --out steps.jsonl`.

Runs the demo model on the real engine, on fresh problems of the families, never those of the demo set nor
wordings kept out of training. Rollouts with the same beginning are merged into a tree; with `--search` the
steps come from a tree search. Seeded: the problems are always the same, the rollouts only on one machine.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from rich.console import Console

from aimo_solver.app.options import Overrides, choose_options
from aimo_solver.app.run import run_set
from aimo_solver.config.settings import Preset
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.rollouts.trajectory import StopReason, Trajectory
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.runs.writer import STEPS_FILE
from aimo_solver.utils.exit import one_sentence_errors
from aimo_solver.utils.files import write_text
from aimo_solver.utils.paths import DEMO_MODEL
from demo_model.demo_set import held_out
from demo_model.families import FAMILIES
from demo_model.method_traces import STEP_PREFILL
from demo_model.step_nodes import StepNode, merge_rollouts, read_step_nodes, split_steps, step_lines
from demo_model.traces import draw_statement

PROBLEMS_AT_ONCE = 4
TEMPERATURE = 1.3
"""Of plain rollouts. At 1 the model is nearly always right, which leaves few wrong steps to learn from."""
# Their endings say nothing about their steps.
_INTERRUPTED = frozenset(
    {StopReason.CANCELLED, StopReason.DEADLINE, StopReason.SANDBOX_FAILED, StopReason.ENGINE_FAILED, StopReason.FAILED}
)


def draw_problems(count: int, seed: int) -> tuple[Problem, ...]:
    """Draws fresh problems, spread evenly over the families. Each depends only on the seed and its index."""
    return tuple(_problem(index, seed) for index in range(count))


def _problem(index: int, seed: int) -> Problem:
    rng = Random(f"steps:{seed}:{index}")
    family = FAMILIES[index % len(FAMILIES)]
    params = family.draw(rng)
    while (family.name, str(params)) in held_out():
        params = family.draw(rng)
    text = draw_statement(family, params, rng)
    return Problem(
        f"{index:05d}_{family.name}", text, family.brute_force(params), source=family.topic, level=family.level
    )


def nodes_of_run(run: LoggedRun) -> Iterator[StepNode]:
    """Yields the step nodes of a run's problems; those without a known answer are left out."""
    prefill = str(run.settings["preset"]["rollout"].get("prefill", ""))
    rollouts: dict[str, list[Trajectory]] = {}
    for trajectory in run.trajectories:
        if trajectory.stop_reason not in _INTERRUPTED:
            rollouts.setdefault(trajectory.problem_id, []).append(trajectory)
    for problem in run.problems:
        if problem.gold is None:
            continue
        split = [(split_steps(t, NUMINA), t.answer == problem.gold) for t in rollouts.get(problem.id, ())]
        yield from merge_rollouts(problem.text, split, prefill)


def draw_run(*, problems: int, rollouts: int, seed: int, runs_folder: Path, search: str | None) -> Path:
    """Answers fresh problems step by step, by tree search if `search` names a preset; returns the run folder."""
    options = choose_options(
        DEMO_MODEL,
        preset=search or "demo",
        seed=seed,
        overrides=Overrides(rollouts=rollouts, early_stop=False, temperature=TEMPERATURE if search is None else None),
    )
    if search is not None and options.preset.search is None:
        raise InputError(f"search must be a preset with a [search] table, such as demo-rstar, got {search!r}")
    if problems < 1:
        raise InputError(f"problems must be at least 1, got {problems!r}")
    options = replace(options, preset=_in_steps(options.preset))
    problem_set = ProblemSet("steps", draw_problems(problems, seed))
    outcome = asyncio.run(run_set(options, problem_set, runs_folder, Console(stderr=True), at_once=PROBLEMS_AT_ONCE))
    return outcome.folder


def _in_steps(preset: Preset) -> Preset:
    """Makes the model go step by step, and keeps a search's trees."""
    search = None if preset.search is None else replace(preset.search, keep_trees=True)
    return replace(preset, rollout=replace(preset.rollout, prefill=STEP_PREFILL), search=search)


def _nodes(folder: Path) -> list[StepNode]:
    trees = folder / STEPS_FILE
    return read_step_nodes(trees) if trees.exists() else list(nodes_of_run(read_run(folder)))


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m demo_model.draw_steps --problems 300 --out steps.jsonl"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--rollouts", type=int, default=16, help="rollouts per problem; with --search, trees")
    parser.add_argument("--search", metavar="PRESET", help="draw trees with this preset, such as demo-rstar")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs-folder", type=Path, default=Path("runs"))
    parser.add_argument("--run", type=Path, help="use the rollouts of this run folder instead of drawing")
    arguments = parser.parse_args()

    with one_sentence_errors():
        folder = arguments.run or draw_run(
            problems=arguments.problems,
            rollouts=arguments.rollouts,
            seed=arguments.seed,
            runs_folder=arguments.runs_folder,
            search=arguments.search,
        )
        nodes = _nodes(folder)
        write_text(arguments.out, step_lines(nodes))
        print(f"{arguments.out}: {len(nodes)} nodes of {folder}")


if __name__ == "__main__":
    main()
