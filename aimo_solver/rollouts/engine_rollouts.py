"""EngineRollouts: rollouts on an engine and a sandbox, for the solver.

Guarantees: a problem's prompt is encoded once, with the model's first words where they are asked for; its
rollouts share one confidence gate.
"""

from __future__ import annotations

from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.engine.base import Engine
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.rollouts.base import RolloutObserver, RolloutTask
from aimo_solver.rollouts.confidence import ConfidenceGate
from aimo_solver.rollouts.rollout import Rollout
from aimo_solver.sandbox.base import Sandbox
from aimo_solver.utils.log import Log, unbreakable


class EngineRollouts:
    """RolloutSource on an engine and a sandbox."""

    def __init__(
        self,
        engine: Engine,
        sandbox: Sandbox,
        dialect: Dialect,
        settings: RolloutSettings,
        rule: AnswerRule,
        observer: RolloutObserver | None = None,
        log: Log = lambda line: None,
    ) -> None:
        """`log` is told of what ended a rollout and should not have."""
        self._engine, self._dialect, self._settings = engine, dialect, settings
        self._parts = engine, sandbox, dialect, settings, rule, observer or RolloutObserver(), unbreakable(log)
        self._prompt: tuple[str, tuple[int, ...]] = "", ()
        """The last problem's text and its token ids: all its rollouts begin with them."""
        self._gate: tuple[tuple[int, str] | None, ConfidenceGate | None] = None, None
        """The last problem's, by run and id."""

    @property
    def lost_seconds(self) -> float:
        return self._engine.down_seconds

    def open(self, task: RolloutTask) -> Rollout:
        text = task.problem.text
        if self._prompt[0] != text:
            tokenizer, prefill = self._engine.tokenizer, self._settings.prefill
            self._prompt = text, tuple(encode_prompt(self._dialect, text, tokenizer, prefill))
        asked = task.run, task.problem.id
        if self._gate[0] != asked:
            self._gate = asked, confidence_gate(self._settings)
        return Rollout(task, self._prompt[1], self._gate[1], *self._parts)


def confidence_gate(settings: RolloutSettings) -> ConfidenceGate | None:
    """A problem's, where the settings ask for one."""
    online = settings.deepconf
    return None if online is None else ConfidenceGate(online.window_tokens, online.warm_up, online.keep_share)
