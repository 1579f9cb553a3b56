"""KeptRun: the run folder that an earlier process left of a study, if it is of the same settings.

Guarantees: figures of other settings, problems or seeds are never taken for those asked for.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import tomli_w

from aimo_solver.app.options import RunOptions, described_options
from aimo_solver.errors import InputError
from aimo_solver.problems.problem_set import ProblemSet
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.runs.writer import without_none


def kept_run(place: Path, options: RunOptions, problem_set: ProblemSet, runs: int) -> LoggedRun | None:
    """The run there, whole or begun; None where there is none. Raises InputError for one of other settings."""
    found = sorted(path.parent for path in place.glob("*/settings.toml"))
    if not found:
        return None
    run = read_run(found[-1])
    wanted = tomllib.loads(tomli_w.dumps(without_none(described_options(options) | {"runs": runs})))
    other = [name for name, value in wanted.items() if run.settings.get(name) != value]
    if [problem.id for problem in run.problems] != [problem.id for problem in problem_set.problems]:
        other.append("problems")
    if other:
        raise InputError(f"{run.path}: was begun with another {' and '.join(other)}; name another --out")
    return run
