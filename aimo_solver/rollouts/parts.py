"""RolloutParts: what a source makes its rollouts with."""

from __future__ import annotations

from dataclasses import dataclass, field

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.engine.base import Engine
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.rollouts.base import RolloutObserver
from aimo_solver.sandbox.base import Sandbox
from aimo_solver.utils.log import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutParts:
    """What all rollouts of one source share."""

    engine: Engine
    sandbox: Sandbox
    dialect: Dialect
    settings: RolloutSettings
    rule: AnswerRule
    forms: AnswerForms = BOXED_ONLY
    """The forms in which an answer is read."""
    prompt: Prompt = field(default_factory=Prompt)
    observer: RolloutObserver = field(default_factory=RolloutObserver)
    log: Log = lambda line: None
    """Gets a line when something unexpected ends a rollout, or a search's scorer."""
