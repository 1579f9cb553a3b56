"""EngineRollouts: rollouts on an engine and a sandbox, for the solver.

Guarantees: a problem's prompt is encoded once, with the model's first words where the settings ask for them;
the rollouts of one problem share one confidence gate.
"""

from __future__ import annotations

from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.rollouts.base import RolloutTask
from aimo_solver.rollouts.confidence import ConfidenceGate
from aimo_solver.rollouts.parts import RolloutParts
from aimo_solver.rollouts.rollout import Rollout


class EngineRollouts:
    """RolloutSource on an engine and a sandbox."""

    def __init__(self, parts: RolloutParts) -> None:
        self._parts = parts
        self._prompt: tuple[str, tuple[int, ...]] = "", ()
        """The last problem's text and its prompt's token ids, with which all its rollouts begin."""
        self._gate: tuple[tuple[int, str] | None, ConfidenceGate | None] = None, None
        """The last problem's run and id, and its gate."""

    @property
    def lost_seconds(self) -> float:
        return self._parts.engine.down_seconds

    def open(self, task: RolloutTask) -> Rollout:
        parts, text = self._parts, task.problem.text
        if self._prompt[0] != text:
            tokenizer, prefill = parts.engine.tokenizer, parts.settings.prefill
            encoded = encode_prompt(parts.dialect, text, tokenizer, prompt=parts.prompt, prefill=prefill)
            self._prompt = text, tuple(encoded)
        place = task.run, task.problem.id
        if self._gate[0] != place:
            self._gate = place, _confidence_gate(parts.settings)
        return Rollout(task, parts, prompt_token_ids=self._prompt[1], gate=self._gate[1])


def _confidence_gate(settings: RolloutSettings) -> ConfidenceGate | None:
    """Returns a new problem's gate; None where the settings ask for none."""
    online = settings.deepconf
    return None if online is None else ConfidenceGate(online.window_tokens, online.warm_up, online.keep_share)
