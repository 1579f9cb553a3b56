"""Export to Inspect's log format, so that `inspect view` shows a run's rollouts (inspect.aisi.org.uk).

A sample is a problem, an epoch one of its rollouts. Only this needs inspect-ai: pip install inspect-ai.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.runs.reader import LoggedRun


def export_inspect(run: LoggedRun, path: Path) -> int:
    """Writes `path` (.eval or .json) and returns how many rollouts it holds. Raises InputError."""
    try:
        log: Any = importlib.import_module("inspect_ai.log")
    except ModuleNotFoundError:
        raise InputError("inspect-ai is not installed; pip install inspect-ai") from None
    if path.suffix not in (".eval", ".json"):
        raise InputError(f"output must end in .eval or .json, got {str(path)!r}")
    samples = [log.EvalSample.model_validate(sample) for sample in inspect_samples(run)]
    spec = log.EvalSpec(
        created=datetime.fromtimestamp(run.path.stat().st_mtime, UTC).isoformat(),
        task=run.name,
        dataset=log.EvalDataset(name=str(run.settings.get("problem_set", run.name)), samples=len(run.problems)),
        model=f"aimo-solver/{Path(str(run.settings.get('model', 'unknown'))).name}",
        config=log.EvalConfig(epochs=max((sample.epoch for sample in samples), default=1)),
    )
    log.write_eval_log(log.EvalLog(eval=spec, status="success", samples=samples), str(path))
    return len(samples)


def inspect_samples(run: LoggedRun) -> Iterator[dict[str, Any]]:
    """Yields every rollout as Inspect's EvalSample."""
    problems = {problem.id: problem for problem in run.problems}
    epochs: Counter[str] = Counter()
    for trajectory in sorted(run.trajectories, key=lambda trajectory: trajectory.key):
        epochs[trajectory.problem_id] += 1
        problem = problems.get(trajectory.problem_id, Problem(trajectory.problem_id, ""))
        yield {
            "id": problem.id,
            "epoch": epochs[problem.id],
            "input": problem.text,
            "target": "" if problem.gold is None else str(problem.gold),
            "messages": list(_messages(problem, trajectory)),
            "scores": {"answer": _score(problem, trajectory)},
            "metadata": {"run": trajectory.run, "rollout": trajectory.rollout, "seed": trajectory.seed},
            "total_time": trajectory.seconds,
        }


def _messages(problem: Problem, trajectory: Trajectory) -> Iterator[dict[str, Any]]:
    yield {"role": "user", "content": problem.text}
    for turn in trajectory.turns:
        yield {"role": "assistant", "content": turn.text}
        if turn.output is not None:
            yield {"role": "user", "content": turn.output}


def _score(problem: Problem, trajectory: Trajectory) -> dict[str, Any]:
    right = trajectory.answer is not None and trajectory.answer == problem.gold
    said = None if trajectory.answer is None else str(trajectory.answer)
    return {"value": "C" if right else "I", "answer": said, "explanation": f"stop: {trajectory.stop_reason}"}
