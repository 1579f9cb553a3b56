"""Optimal stopping by backward induction: in each state, at each moment, is it worth the price of time to continue?

States and their frequencies are those of the given groups of rollouts. With few problems the state
nearly identifies the problem, which overfits; a prior on how often the leader is right limits that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimo_solver.policies.stopping import doubt
from aimo_solver.simulation.rollout_groups import Floats, Integers, RolloutGroups, unpack_states


@dataclass(frozen=True, slots=True)
class OptimalStopping:
    """When to stop, and what a problem is then worth, for each price of a second."""

    values: Floats
    """Worth of one problem at its start, net of the price of its time: (prices,)."""
    states: Integers
    """States that occurred: (states,)."""
    stop_from: Integers
    """Index of the lowest price at which it is best to stop: (states, moments).

    len(prices) where it never is; len(prices) + 1 where no group was in that state at that moment.
    """


def solve_optimal_stopping(
    groups: Sequence[RolloutGroups], *, prices: Floats, moments: Floats, prior_groups: float = 0.0
) -> OptimalStopping:
    """Solves for every price at once. Stopping is possible at `moments` only.

    `moments` are evenly spaced from 0, `prices` ascend. `prior_groups` is the weight, in groups, of
    the belief that each state starts with: a leader with a votes against b is right as often as
    1 - doubt(a, b) says.
    """
    seen = [some.at(moments) for some in groups]
    codes, right = np.concatenate([states for states, _ in seen]), np.concatenate([rightness for _, rightness in seen])
    states, places = np.unique(codes, return_inverse=True)
    places = places.reshape(codes.shape)
    leader, runner_up, _ = unpack_states(states)
    belief = np.array([1 - doubt(a, b) if a else 0.0 for a, b in zip(leader.tolist(), runner_up.tolist(), strict=True)])
    step = moments[1] - moments[0]
    value = np.zeros((len(prices), len(states)))
    stop_from = np.full((len(states), len(moments)), len(prices) + 1)
    for moment in range(len(moments) - 1, -1, -1):
        at = places[:, moment]
        order = np.argsort(at, kind="stable")
        here, firsts, counts = np.unique(at[order], return_index=True, return_counts=True)
        stop = (np.add.reduceat(right[order, moment], firsts) + prior_groups * belief[here]) / (counts + prior_groups)
        best = np.broadcast_to(stop, (len(prices), len(here)))
        stops = np.ones((len(prices), len(here)), dtype=bool)
        if moment < len(moments) - 1:
            following = value[:, places[order, moment + 1]]
            proceed = np.add.reduceat(following, firsts, axis=1) / counts - prices[:, None] * step
            best, stops = np.maximum(stop, proceed), stop >= proceed
        value[:, here] = best
        stop_from[here, moment] = np.where(stops.any(axis=0), stops.argmax(axis=0), len(prices))
    return OptimalStopping(value[:, places[0, 0]], states, stop_from)
