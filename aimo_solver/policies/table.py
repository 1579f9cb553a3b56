"""The policy of a stop table: stops where continuing was not worth its time on logged problems.

Caps, pace and what is learnt during the run are the adaptive policy's; it also decides in a state
that no logged group passed through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from aimo_solver.policies.adaptive import AdaptivePolicy
from aimo_solver.policies.ledger import Ledger
from aimo_solver.policies.policy import Action, Decision, Grant, Progress
from aimo_solver.policies.stop_table import NOTHING_YET, StopTable, state_name
from aimo_solver.policies.stopping import cannot_be_caught, leader_of


@dataclass(frozen=True, slots=True)
class TablePolicy:
    """Pure, like every policy."""

    table: StopTable
    adaptive: AdaptivePolicy
    """Decides all that the table does not."""

    def grant(self, ledger: Ledger, now: float) -> Grant:
        width = self.table.widths[self._row(ledger, now)]
        return replace(self.adaptive.grant(ledger, now), rollouts=width, concurrent=width)

    def review(self, progress: Progress, ledger: Ledger) -> Decision:
        reason = cannot_be_caught(progress)
        if reason is not None:
            return Decision(Action.STOP, reason)
        row, unit = self._row(ledger, progress.started_at), self.adaptive.unit_seconds(ledger)
        leader, votes, runner_up = leader_of(progress)
        state = state_name(votes, runner_up, sum(progress.votes.values())) if progress.answers else NOTHING_YET
        try:
            stop, moment = self.table.review(row, state, (progress.now - progress.started_at) / unit)
        except KeyError:
            return self.adaptive.review(progress, ledger)
        if stop:
            return Decision(Action.STOP, f"the table stops at {state} (leader {leader}, row {row})")
        return Decision(Action.CONTINUE, review_at=None if moment is None else progress.started_at + moment * unit)

    def _row(self, ledger: Ledger, now: float) -> int:
        share = ledger.share_seconds(now, self.adaptive.settings.expected_problems)
        return self.table.row(share / self.adaptive.unit_seconds(ledger))
