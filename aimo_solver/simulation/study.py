"""Studies: every policy with every budget over hundreds of paired contests, on all cores.

`solved_se` is the standard error over contests: how well the mean is known for this pool. `vs_first`
compares with the first policy named, contest by contest; its error is bootstrapped over the pool's
problems, because another pool of the same kind would hold different ones.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from itertools import repeat
from multiprocessing import active_children
from typing import Any, Final

import numpy as np

from aimo_solver.config.names import PolicyName, find_name
from aimo_solver.config.settings import PolicySettings
from aimo_solver.errors import InputError
from aimo_solver.policies.adaptive import AdaptivePolicy
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.factory import make_policy, names_workload
from aimo_solver.policies.policy import Policy, ScalablePolicy
from aimo_solver.policies.speed_table import SpeedTable, Workload
from aimo_solver.policies.stop_table import StopTable
from aimo_solver.policies.table import TablePolicy
from aimo_solver.simulation.bounds import hindsight_bound, informed_bound, majority_bound
from aimo_solver.simulation.pool import Pool
from aimo_solver.simulation.simulated_contest import (
    ContestOutcome,
    DrawnProblem,
    ProblemOrder,
    draw_contest,
    simulate_contest,
)
from aimo_solver.simulation.stop_table_learning import FOLDS, learn_stop_table_for_fold
from aimo_solver.simulation.virtual_clock import LIMIT_SECONDS

CONTESTS_PER_TASK: Final = 10
_PR_SET_PDEATHSIG: Final = 1
LEARNT: Final = "table"
"""The policy that is learnt from the pool. Each fold of the problems is played with the table of the others."""
RESAMPLES: Final = 2000
MAX_BUDGET_SECONDS: Final = 0.5 * LIMIT_SECONDS
"""The virtual clock takes a contest that lasts much longer for a deadlock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """What to simulate."""

    pool: Pool
    speeds: SpeedTable
    policies: tuple[str, ...]
    """Names of policies, or keys of `own`."""
    budgets_seconds: tuple[float, ...]
    """Time limits of whole contests."""
    contests: int = 300
    problems: int = 50
    order: ProblemOrder = ProblemOrder.RANDOM
    seed: int = 0
    scaled: bool = True
    """Scale the absolute seconds of a policy from the contest it was made for to the budget."""
    own: Mapping[str, PolicySettings] = field(default_factory=dict[str, PolicySettings])
    """Policies with the user's own settings, by name."""

    def __post_init__(self) -> None:
        for name in ("contests", "problems"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        for budget in self.budgets_seconds:
            if not 0 < budget <= MAX_BUDGET_SECONDS:
                raise InputError(
                    f"budget-seconds must be positive and at most {MAX_BUDGET_SECONDS:,.0f}, got {budget!r}"
                )
        for policy in self.policies:
            if self.policies.count(policy) > 1:
                raise InputError(f"policies must have different names, got {policy!r} twice; rename a file")
            if not self.learns(policy):
                try:
                    self.policy(policy, 1.0)
                except InputError as error:
                    raise InputError(f"policy {policy}: {error}" if policy in self.own else str(error)) from None

    def learns(self, name: str) -> bool:
        """Whether this policy is learnt from the pool; one of `own` by that name is not."""
        return name == LEARNT and name not in self.own

    def policy(self, name: str, budget_seconds: float) -> Policy:
        """Makes the policy as this study plays it. For one that learns, see `learnt_policy`."""
        chosen = self.own.get(name) or PolicySettings(name=find_name(PolicyName, name, "policy"))
        # A workload in the user's own settings is not replaced: it is what is to be tried.
        given = names_workload(chosen.settings)
        workload = None if given else Workload(self.pool.rollout_tokens, self.speeds)
        policy = make_policy(chosen.settings, workload)
        # Nor are a user's own seconds scaled: they are what is to be tried.
        if self.scaled and name not in self.own and isinstance(policy, ScalablePolicy):
            policy = policy.scaled(budget_seconds / self.problems / policy.contest_share_seconds)
        if name in self.own:
            policy = AdjustedPolicy(
                policy,
                rollouts=chosen.rollouts,
                concurrent=chosen.concurrent,
                max_tokens=chosen.max_tokens,
                early_stop=chosen.early_stop,
            )
        return policy

    def learnt_policy(self, tables: Sequence[StopTable]) -> Callable[[str], Policy]:
        """Returns a function from a problem's id to its policy: the one with the table of its fold."""
        otherwise = AdaptivePolicy(Workload(self.pool.rollout_tokens, self.speeds))
        policies = [TablePolicy(table, otherwise) for table in tables]
        folds = {problem.id: place % len(tables) for place, problem in enumerate(self.pool.problems)}
        return lambda id: policies[folds[id]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference to the first policy, in problems solved per contest."""

    difference: float
    se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFigures:
    """The results of one policy with one budget. Means are per contest."""

    pool: str
    policy: str
    budget_seconds: float
    hardware: str
    solved_mean: float
    solved_se: float
    worst_5_percent: float
    """5th percentile of the problems solved."""
    seconds_mean: float
    unasked_mean: float
    share_of_bound: float
    bound: float
    hindsight: float
    majority_all: float
    vs_first: Difference

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _ignore(contests: int) -> None:
    """Reports nothing."""


def run_study(plan: StudyPlan, on_progress: Callable[[int], None] = _ignore) -> Iterator[PolicyFigures]:
    """Yields the figures, budget by budget and policy by policy. `on_progress` gets the contests just simulated."""
    tasks = [
        (budget, policy, range(start, min(start + CONTESTS_PER_TASK, plan.contests)))
        for budget in plan.budgets_seconds
        for policy in plan.policies
        for start in range(0, plan.contests, CONTESTS_PER_TASK)
    ]
    played: dict[tuple[float, str], dict[int, ContestOutcome]] = {}
    with ProcessPoolExecutor(os.cpu_count(), initializer=_begin, initargs=(plan,)) as workers:
        folds = range(FOLDS if any(map(plan.learns, plan.policies)) else 0)
        tables = tuple(workers.map(learn_stop_table_for_fold, repeat(plan.pool), folds, repeat(plan.speeds)))
        futures = {workers.submit(_simulate, *task, tables if plan.learns(task[1]) else ()): task for task in tasks}
        bounds = {budget: workers.submit(_find_bounds, budget) for budget in plan.budgets_seconds}
        try:
            for future in as_completed(futures):
                budget, policy, indices = futures[future]
                played.setdefault((budget, policy), {}).update(zip(indices, future.result(), strict=True))
                on_progress(len(indices))
        except BaseException:  # Ctrl-C too: the rest is not needed.
            workers.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                worker.terminate()
            raise
        for budget in plan.budgets_seconds:
            first = _in_order(played[budget, plan.policies[0]])
            for policy in plan.policies:
                results = _in_order(played[budget, policy])
                yield _figures(plan, policy, budget, results=results, first=first, bounds=bounds[budget].result())


_plan: StudyPlan
"""Set in each worker process, so that the pool is sent once."""


def _begin(plan: StudyPlan) -> None:
    global _plan  # noqa: PLW0603
    _plan = plan
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent ends its workers,
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # and they die with it.


def _simulate(budget: float, policy: str, indices: Iterable[int], tables: Sequence[StopTable]) -> list[ContestOutcome]:
    chosen = _plan.learnt_policy(tables) if tables else _plan.policy(policy, budget)
    return [
        simulate_contest(contest, policy=chosen, speeds=_plan.speeds, total_seconds=budget)
        for contest in map(_contest, indices)
    ]


def _contest(index: int) -> tuple[DrawnProblem, ...]:
    return draw_contest(_plan.pool, problems=_plan.problems, order=_plan.order, seed=_plan.seed, index=index)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Mean solved per contest that no policy can beat."""

    informed: float
    hindsight: float
    majority: float


def _find_bounds(budget: float) -> _Bounds:
    contests = [_contest(index) for index in range(_plan.contests)]
    return _Bounds(
        informed_bound(_plan.pool, speeds=_plan.speeds, problems=_plan.problems, total_seconds=budget),
        hindsight_bound(contests, _plan.speeds, budget),
        majority_bound(contests),
    )


def _in_order(results: dict[int, ContestOutcome]) -> list[ContestOutcome]:
    return [results[index] for index in sorted(results)]


def _figures(
    plan: StudyPlan,
    policy: str,
    budget: float,
    *,
    results: Sequence[ContestOutcome],
    first: Sequence[ContestOutcome],
    bounds: _Bounds,
) -> PolicyFigures:
    solved = np.array([result.solved for result in results])
    return PolicyFigures(
        pool=plan.pool.name,
        policy=policy,
        budget_seconds=budget,
        hardware=plan.speeds.name,
        solved_mean=float(solved.mean()),
        solved_se=float(solved.std(ddof=1) / len(solved) ** 0.5) if len(solved) > 1 else 0.0,
        worst_5_percent=float(np.quantile(solved, 0.05)),
        seconds_mean=float(np.mean([result.seconds for result in results])),
        unasked_mean=float(np.mean([result.unasked for result in results])),
        share_of_bound=float(solved.mean() / bounds.informed) if bounds.informed else 0.0,
        bound=bounds.informed,
        hindsight=bounds.hindsight,
        majority_all=bounds.majority,
        vs_first=_difference(results, first, plan.problems),
    )


def _difference(results: Sequence[ContestOutcome], first: Sequence[ContestOutcome], problems: int) -> Difference:
    """Mean difference per contest, and its standard error if the pool's problems were drawn again."""
    by_problem: dict[str, list[int]] = {}
    for ours, theirs in zip(results, first, strict=True):
        for mine, other in zip(ours.problems, theirs.problems, strict=True):
            by_problem.setdefault(mine.id, []).append(mine.solved - other.solved)
    sums = np.array([sum(differences) for differences in by_problem.values()], dtype=float)
    counts = np.array([len(differences) for differences in by_problem.values()], dtype=float)
    picks = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    resampled = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    return Difference(float(problems * sums.sum() / counts.sum()), float(problems * resampled.std(ddof=1)))
