"""Backward induction: at each state and moment, is it worth the price of time to go on?

Over the states that the given groups passed through, as often as they did. Fitted to few problems
it nearly identifies them: a prior on the leader's rightness is what holds that down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimo_solver.policies.stopping import doubt
from aimo_solver.simulation.groups import Floats, Groups, Integers, unpack_states


@dataclass(frozen=True, slots=True)
class Induction:
    """What to do, and what it is worth, at each price a second."""

    values: Floats
    """Of one problem at its start, net of the price of its time: (prices,)."""
    states: Integers
    """Those ever seen: (states,)."""
    stop_from: Integers
    """The lowest price, as an index, at which it is best to stop: (states, moments).

    len(prices) where none is, and one more where no group was in that state at that moment.
    """


def induce(groups: Sequence[Groups], prices: Floats, moments: Floats, prior_groups: float = 0.0) -> Induction:
    """`moments` are evenly spaced from 0 on, `prices` grow; a policy may stop at a moment and at no other.

    `prior_groups` says how many groups' worth of belief each state begins with: that a leader of a
    votes against b is right as often as 1 - doubt(a, b) says.
    """
    seen = [some.at(moments) for some in groups]
    names, right = np.concatenate([states for states, _ in seen]), np.concatenate([rightness for _, rightness in seen])
    states, places = np.unique(names, return_inverse=True)
    places = places.reshape(names.shape)
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
            go_on = np.add.reduceat(following, firsts, axis=1) / counts - prices[:, None] * step
            best, stops = np.maximum(stop, go_on), stop >= go_on
        value[:, here] = best
        stop_from[here, moment] = np.where(stops.any(axis=0), stops.argmax(axis=0), len(prices))
    return Induction(value[:, places[0, 0]], states, stop_from)
