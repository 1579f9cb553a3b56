"""StepScorer: asks a scorer what paths are worth, until it fails.

Guarantees: a score is in [-1, 1] or None; a scorer that fails, or returns something that is not a score, is
logged in one line and not asked again.
The scorer reads what the engine reads: the dialect's prompt and everything after it, in its own tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import Prompt, encode_prompt
from aimo_solver.engine.base import Scorer
from aimo_solver.errors import EngineError, InputError
from aimo_solver.rollouts.search.path import Path
from aimo_solver.utils.log import Log


class StepScorer:
    """Scores the paths of one tree."""

    def __init__(
        self,
        scorer: Scorer | None,
        *,
        dialect: Dialect,
        problem_text: str,
        log: Log,
        prompt: Prompt,
        prefill: str = "",
    ) -> None:
        """`prefill`: the model's first words."""
        self._scorer, self._dialect, self._problem_text, self._log = scorer, dialect, problem_text, log
        self._prompt, self._prefill = prompt, prefill

    async def scores(self, paths: Sequence[Path]) -> list[float | None]:
        """Returns one score per path; None where there is no scorer, or no longer one."""
        if self._scorer is None or not paths:
            return [None] * len(paths)
        try:
            return list(await self._ask(self._scorer, paths))
        except (EngineError, InputError) as error:
            self._scorer = None
            self._log(f"the search continues without its scorer: {error}")
            return [None] * len(paths)

    async def _ask(self, scorer: Scorer, paths: Sequence[Path]) -> list[float]:
        prompt = encode_prompt(
            self._dialect, self._problem_text, scorer.tokenizer, prompt=self._prompt, prefill=self._prefill
        )
        scores = await scorer.score([[*prompt, *scorer.tokenizer.encode(path.text)] for path in paths])
        if len(scores) != len(paths):
            raise EngineError(f"scores must be {len(paths)}, one per text, got {len(scores)}")
        for score in scores:
            if not -1 <= score <= 1:  # True for NaN too.
                raise EngineError(f"score must be in [-1, 1], got {score!r}")
        return scores
