"""Studies: policies by budgets over hundreds of paired contests, on all cores.

`solved_se` is the contests' standard error: how well the mean is known for this pool. `vs_first`
compares with the first policy named, contest by contest; its error is bootstrapped over the pool's
problems, because another pool of the same kind would hold others.
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
from typing import Any

import numpy as np

from aimo_solver.config.settings import PolicySettings
from aimo_solver.errors import InputError
from aimo_solver.policies import WORKLOAD_DEFAULTS, make_policy
from aimo_solver.policies.adaptive import AdaptivePolicy
from aimo_solver.policies.adjusted import AdjustedPolicy
from aimo_solver.policies.policy import Policy, ScalablePolicy
from aimo_solver.policies.speed_table import SpeedTable, Workload
from aimo_solver.policies.stop_table import StopTable
from aimo_solver.policies.table import TablePolicy
from aimo_solver.simulation.bounds import hindsight, informed, majority_all
from aimo_solver.simulation.contest import ContestResult, ProblemOrder, draw_contest, run_contest
from aimo_solver.simulation.learning import FOLDS, learn_fold
from aimo_solver.simulation.pool import Pool
from aimo_solver.simulation.virtual_clock import LIMIT_SECONDS

CONTESTS_A_TASK = 10
_PR_SET_PDEATHSIG = 1
LEARNT = "table"
"""The policy that learns from the pool: judged on each fold of the problems by what the others taught."""
RESAMPLES = 2000
MOST_SECONDS = 0.5 * LIMIT_SECONDS
"""Of a contest: the virtual clock takes what goes on for much longer for a deadlock."""


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """What is to be simulated."""

    pool: Pool
    speeds: SpeedTable
    policies: tuple[str, ...]
    """By name, or as `own` calls them."""
    budgets_seconds: tuple[float, ...]
    """Whole contests' limits."""
    contests: int = 300
    problems: int = 50
    order: ProblemOrder = ProblemOrder.RANDOM
    seed: int = 0
    scaled: bool = True
    """Peers' seconds are scaled from their own contest to the budget."""
    own: Mapping[str, PolicySettings] = field(default_factory=dict)
    """Policies with settings of the user's."""

    def __post_init__(self) -> None:
        for name in ("contests", "problems"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        for budget in self.budgets_seconds:
            if not 0 < budget <= MOST_SECONDS:
                raise InputError(f"budget-seconds must be positive and at most {MOST_SECONDS:,.0f}, got {budget!r}")
        for policy in self.policies:
            if self.policies.count(policy) > 1:
                raise InputError(f"policies must have names of their own, got {policy!r} twice; rename a file")
            if not self.learns(policy):
                try:
                    self.policy(policy, 1.0)
                except InputError as error:
                    raise InputError(f"policy {policy}: {error}" if policy in self.own else str(error)) from None

    def learns(self, name: str) -> bool:
        """Whether this policy is learnt from the pool, and not the user's own by that name."""
        return name == LEARNT and name not in self.own

    def policy(self, name: str, budget_seconds: float) -> Policy:
        """As this study plays it; one that learns needs more (`learnt_policy`)."""
        chosen = self.own.get(name, PolicySettings(name))
        # What a user's settings say of the workload is what is to be tried.
        told = WORKLOAD_DEFAULTS.keys() & chosen.settings.keys()
        workload = None if told else Workload(self.pool.rollout_tokens, self.speeds)
        policy = make_policy(chosen.name, chosen.settings, workload)
        # A user's own seconds are what is to be tried.
        if self.scaled and name not in self.own and isinstance(policy, ScalablePolicy):
            policy = policy.scaled(budget_seconds / self.problems / policy.contest_share_seconds)
        if name in self.own:
            policy = AdjustedPolicy(
                policy, chosen.rollouts, chosen.concurrent, chosen.tokens, early_stop=chosen.early_stop
            )
        return policy

    def learnt_policy(self, tables: Sequence[StopTable]) -> Callable[[str], Policy]:
        """Each problem's: by the table of its fold."""
        otherwise = AdaptivePolicy(Workload(self.pool.rollout_tokens, self.speeds))
        policies = [TablePolicy(table, otherwise) for table in tables]
        folds = {problem.id: place % len(tables) for place, problem in enumerate(self.pool.problems)}
        return lambda id: policies[folds[id]]


@dataclass(frozen=True, slots=True)
class Difference:
    """To the first policy, in problems solved."""

    difference: float
    se: float


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """What one policy made of one budget."""

    pool: str
    policy: str
    budget_seconds: float
    hardware: str
    solved_mean: float
    solved_se: float
    worst_5_percent: float
    """The 5th percentile of problems solved."""
    seconds_mean: float
    unasked_mean: float
    share_of_bound: float
    bound: float
    hindsight: float
    majority_all: float
    vs_first: Difference

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run_study(plan: StudyPlan, advanced: Callable[[int], None] = lambda contests: None) -> Iterator[PolicyFigures]:
    """The figures, budget by budget and policy by policy. `advanced` is told of contests played."""
    tasks = [
        (budget, policy, range(start, min(start + CONTESTS_A_TASK, plan.contests)))
        for budget in plan.budgets_seconds
        for policy in plan.policies
        for start in range(0, plan.contests, CONTESTS_A_TASK)
    ]
    played: dict[tuple[float, str], dict[int, ContestResult]] = {}
    with ProcessPoolExecutor(os.cpu_count(), initializer=_begin, initargs=(plan,)) as workers:
        folds = range(FOLDS if any(map(plan.learns, plan.policies)) else 0)
        tables = tuple(workers.map(learn_fold, repeat(plan.pool), folds, repeat(plan.speeds)))
        futures = {workers.submit(_play, *task, tables if plan.learns(task[1]) else ()): task for task in tasks}
        limits = {budget: workers.submit(_limits, budget) for budget in plan.budgets_seconds}
        try:
            for future in as_completed(futures):
                budget, policy, indices = futures[future]
                played.setdefault((budget, policy), {}).update(zip(indices, future.result(), strict=True))
                advanced(len(indices))
        except BaseException:  # Ctrl-C, too: nobody waits for what is left.
            workers.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                worker.terminate()
            raise
        for budget in plan.budgets_seconds:
            first = _in_order(played[budget, plan.policies[0]])
            for policy in plan.policies:
                results = _in_order(played[budget, policy])
                yield _figures(plan, policy, budget, results, first, limits[budget].result())


_plan: StudyPlan
"""A worker's own copy, so that a pool travels once."""


def _begin(plan: StudyPlan) -> None:
    global _plan  # noqa: PLW0603
    _plan = plan
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Whoever started them ends them,
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # or dies, and they with it.


def _play(budget: float, policy: str, indices: Iterable[int], tables: Sequence[StopTable]) -> list[ContestResult]:
    chosen = _plan.learnt_policy(tables) if tables else _plan.policy(policy, budget)
    contests = (draw_contest(_plan.pool, _plan.problems, _plan.order, _plan.seed, index) for index in indices)
    return [run_contest(contest, chosen, _plan.speeds, budget) for contest in contests]


def _limits(budget: float) -> tuple[float, float, float]:
    """The informed bound, hindsight, and the majority of all."""
    plan = _plan
    contests = [draw_contest(plan.pool, plan.problems, plan.order, plan.seed, index) for index in range(plan.contests)]
    return (
        informed(plan.pool, plan.speeds, plan.problems, budget),
        hindsight(contests, plan.speeds, budget),
        majority_all(contests),
    )


def _in_order(results: dict[int, ContestResult]) -> list[ContestResult]:
    return [results[index] for index in sorted(results)]


def _figures(
    plan: StudyPlan,
    policy: str,
    budget: float,
    results: Sequence[ContestResult],
    first: Sequence[ContestResult],
    limits: tuple[float, float, float],
) -> PolicyFigures:
    solved = np.array([result.solved for result in results])
    bound, known, majority = limits
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
        share_of_bound=float(solved.mean() / bound) if bound else 0.0,
        bound=bound,
        hindsight=known,
        majority_all=majority,
        vs_first=_difference(results, first, plan.problems),
    )


def _difference(results: Sequence[ContestResult], first: Sequence[ContestResult], problems: int) -> Difference:
    """Mean difference a contest, and its standard error were the pool's problems drawn anew."""
    by_problem: dict[str, list[int]] = {}
    for ours, theirs in zip(results, first, strict=True):
        for mine, other in zip(ours.asked, theirs.asked, strict=True):
            by_problem.setdefault(mine.id, []).append(mine.solved - other.solved)
    sums = np.array([sum(differences) for differences in by_problem.values()], dtype=float)
    counts = np.array([len(differences) for differences in by_problem.values()], dtype=float)
    picks = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    resampled = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    return Difference(float(problems * sums.sum() / counts.sum()), float(problems * resampled.std(ddof=1)))
