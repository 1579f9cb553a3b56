"""Learns a stop table from a pool: backward induction for each width, the best width for each price.

A table learnt from few problems overfits: at low prices it stops wherever no problem of the pool
changes its answer. `PRIOR_PROBLEMS` limits that, and a study plays a table only on problems it was
not learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from aimo_solver.policies.adaptive import PACE_STREAMS
from aimo_solver.policies.speed_table import SpeedTable, Workload
from aimo_solver.policies.stop_table import NO_ROW, NOTHING_YET, UNSEEN, StopTable, state_name
from aimo_solver.simulation.optimal_stopping import OptimalStopping, solve_optimal_stopping
from aimo_solver.simulation.pool import Pool
from aimo_solver.simulation.rollout_groups import NOTHING_YET as NO_STATE
from aimo_solver.simulation.rollout_groups import Floats, Integers, draw_groups, unpack_states

LEARNT_WIDTHS: Final = (3, 4, 6, 8, 10, 12, 16)
GROUPS_PER_PROBLEM: Final = 300
PRIOR_PROBLEMS: Final = 1.0
"""Weight of the prior belief about each state, in problems."""
MOMENTS: Final = 81
STEP_UNITS: Final = 0.1
PRICES: Final = 24
FOLDS: Final = 5
"""Folds of the cross-validation by problem."""


def learn_stop_table(pool: Pool, speeds: SpeedTable, seed: int = 0) -> StopTable:
    """Takes seconds on a pool of 50 problems with 24 samples. The same pool and seed give the same table."""
    rng = np.random.default_rng(seed)
    unit = Workload(pool.rollout_tokens, speeds).seconds(PACE_STREAMS)
    moments = np.linspace(0.0, (MOMENTS - 1) * STEP_UNITS * unit, MOMENTS)
    prices = np.concatenate(([0.0], np.geomspace(2e-3, 2.0, PRICES - 1) / unit))
    max_width = max(len(problem.samples) for problem in pool.problems)
    widths = [width for width in LEARNT_WIDTHS if width <= max_width] or [max_width]
    learnt: dict[int, OptimalStopping] = {}
    for width in widths:
        groups = draw_groups(pool, width=width, groups_per_problem=GROUPS_PER_PROBLEM, speeds=speeds, rng=rng)
        learnt[width] = solve_optimal_stopping(
            groups, prices=prices, moments=moments, prior_groups=PRIOR_PROBLEMS * GROUPS_PER_PROBLEM
        )
    values = np.array([learnt[width].values for width in widths])
    shares, chosen = _rows(values.max(axis=0), prices)
    places: list[int] = values.argmax(axis=0)[chosen].tolist()
    best = [widths[place] for place in places]
    table = {width: _stops(learnt[width], chosen) for width in sorted(set(best))}
    return StopTable(
        shares=tuple(float(share / unit) for share in shares), widths=tuple(best), step=STEP_UNITS, stop_up_to=table
    )


def _rows(values: Floats, prices: Floats) -> tuple[list[float], list[int]]:
    """Returns the shares at which the next row begins, and the price of each row, highest first.

    They are the lower envelope of price x share + value: what a problem is worth with that share.
    """
    rows = [len(prices) - 1]
    shares: list[float] = []
    for index in range(len(prices) - 2, -1, -1):
        while shares and _crossing(values, prices, rows[-1], index) <= shares[-1]:
            rows.pop()
            shares.pop()
        shares.append(_crossing(values, prices, rows[-1], index))
        rows.append(index)
    return shares, rows


def _crossing(values: Floats, prices: Floats, high: int, low: int) -> float:
    """The share from which the lower of two prices is the better one."""
    return float((values[low] - values[high]) / (prices[high] - prices[low]))


def _stops(learnt: OptimalStopping, chosen: Iterable[int]) -> dict[str, tuple[int, ...]]:
    prices = np.array(list(chosen))
    leader, runner_up, answered = unpack_states(learnt.states)
    # Rows go from the highest price down: find the last one whose price is still high enough to stop.
    last: Integers = (prices[:, None, None] >= learnt.stop_from).sum(axis=0) + NO_ROW
    last[learnt.stop_from > learnt.values.size] = UNSEEN
    return {
        NOTHING_YET if state == NO_STATE else state_name(*votes): tuple(int(row) for row in rows)
        for state, *votes, rows in zip(
            learnt.states.tolist(), leader.tolist(), runner_up.tolist(), answered.tolist(), last, strict=True
        )
    }


def learn_stop_table_for_fold(pool: Pool, fold: int, speeds: SpeedTable) -> StopTable:
    """Learns the table for the problems of one fold from all other folds."""
    others = tuple(one for place, one in enumerate(pool.problems) if place % FOLDS != fold)
    return learn_stop_table(replace(pool, problems=others or pool.problems), speeds, fold)
