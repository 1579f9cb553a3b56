"""Learns a stop table from a pool: backward induction for each width, the best width at each price.

Learnt on few problems, a table fits them too well: small prices stop where no problem of the pool
changes its answer. `PRIOR_PROBLEMS` holds that down, and a study judges a table only on problems it
was not learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from aimo_solver.policies.adaptive import PACE_STREAMS
from aimo_solver.policies.speed_table import SpeedTable, Workload
from aimo_solver.policies.stop_table import NO_ROW, NOTHING_YET, UNSEEN, StopTable, state_name
from aimo_solver.simulation.groups import NOTHING_YET as NO_STATE
from aimo_solver.simulation.groups import Floats, Integers, draw_groups, unpack_states
from aimo_solver.simulation.induction import Induction, induce
from aimo_solver.simulation.pool import Pool

LEARNT_WIDTHS: Final = (3, 4, 6, 8, 10, 12, 16)
GROUPS_A_PROBLEM = 300
PRIOR_PROBLEMS = 1.0
"""How many problems' worth of groups each state's belief counts for."""
MOMENTS = 81
STEP_UNITS = 0.1
PRICES = 24
FOLDS = 5
"""Of a cross-validation by problem."""


def learn_stop_table(pool: Pool, speeds: SpeedTable, seed: int = 0) -> StopTable:
    """Seconds on a 24-sample pool of 50 problems. The same pool and seed give the same table."""
    rng = np.random.default_rng(seed)
    unit = Workload(pool.rollout_tokens, speeds).seconds(PACE_STREAMS)
    moments = np.linspace(0.0, (MOMENTS - 1) * STEP_UNITS * unit, MOMENTS)
    prices = np.concatenate(([0.0], np.geomspace(2e-3, 2.0, PRICES - 1) / unit))
    most = max(len(problem.samples) for problem in pool.problems)
    widths = [width for width in LEARNT_WIDTHS if width <= most] or [most]
    learnt: dict[int, Induction] = {}
    for width in widths:
        groups = draw_groups(pool, width, GROUPS_A_PROBLEM, speeds, rng)
        learnt[width] = induce(groups, prices, moments, PRIOR_PROBLEMS * GROUPS_A_PROBLEM)
    values = np.array([learnt[width].values for width in widths])
    shares, chosen = _rows(values.max(axis=0), prices)
    best = [widths[index] for index in values.argmax(axis=0)[chosen]]
    table = {width: _stops(learnt[width], chosen) for width in sorted(set(best))}
    return StopTable(tuple(float(share / unit) for share in shares), tuple(best), STEP_UNITS, table)


def _rows(values: Floats, prices: Floats) -> tuple[list[float], list[int]]:
    """Shares where the next row begins, and each row's price, dearest first.

    The lower envelope of price x share + value: what a problem is worth with that share.
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


def _crossing(values: Floats, prices: Floats, dear: int, cheap: int) -> float:
    """The share from which the lower price is the better one."""
    return float((values[cheap] - values[dear]) / (prices[dear] - prices[cheap]))


def _stops(learnt: Induction, chosen: Iterable[int]) -> dict[str, tuple[int, ...]]:
    prices = np.array(list(chosen))
    leader, runner_up, answered = unpack_states(learnt.states)
    # Rows go from the dearest price down: the last one that is still dear enough.
    last: Integers = (prices[:, None, None] >= learnt.stop_from).sum(axis=0) + NO_ROW
    last[learnt.stop_from > learnt.values.size] = UNSEEN
    return {
        NOTHING_YET if state == NO_STATE else state_name(*votes): tuple(int(row) for row in rows)
        for state, *votes, rows in zip(
            learnt.states.tolist(), leader.tolist(), runner_up.tolist(), answered.tolist(), last, strict=True
        )
    }


def learn_fold(pool: Pool, fold: int, speeds: SpeedTable) -> StopTable:
    """The table for problems of this fold, learnt from all others."""
    others = tuple(one for place, one in enumerate(pool.problems) if place % FOLDS != fold)
    return learn_stop_table(replace(pool, problems=others or pool.problems), speeds, fold)
