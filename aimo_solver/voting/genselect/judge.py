"""Judge: shows the model a problem and numbered attempts, and reads which one it names.

Guarantees: a judging depends only on its candidates and its seed; their order is drawn for each
judging, so that no place is favoured; a reply that was cut short names no candidate.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import aclosing

from aimo_solver.config.settings import GenSelectSettings
from aimo_solver.engine.base import Engine, FinishReason, Sampling
from aimo_solver.voting.genselect.candidate import Candidate
from aimo_solver.voting.genselect.judgment import find_judgment

INSTRUCTION = """\
Below are a mathematical problem and {count} attempts to solve it, numbered from 0 to {last}. They come to different \
answers, so at most one of them is right. Parts of an attempt may have been left out.

Compare the attempts: find the steps where they disagree, check those steps and the final answers against the problem, \
and decide which attempt is most likely right. How long or how sure an attempt sounds is no evidence.

Problem:
{problem}

{attempts}

End your reply with a line of this form, where IDX is the number of the attempt you choose:
Judgment: IDX"""


def judging_text(problem: str, candidates: Sequence[Candidate]) -> str:
    """Returns the text of a judging, with the candidates numbered in this order."""
    attempts = (
        f"Attempt {index}, which answers {candidate.answer}:\n{candidate.summary}"
        for index, candidate in enumerate(candidates)
    )
    return INSTRUCTION.format(
        count=len(candidates), last=len(candidates) - 1, problem=problem, attempts="\n\n".join(attempts)
    )


class Judge:
    """Judges attempts at one problem, and counts judgings and tokens."""

    def __init__(self, engine: Engine, problem: str, settings: GenSelectSettings) -> None:
        self._engine, self._problem, self._settings = engine, problem, settings
        self.judgings = 0
        self.tokens = 0

    def fits(self, candidates: Sequence[Candidate]) -> bool:
        """Whether the prompt and a reply of full length fit into the context."""
        return len(self._prompt(candidates)) + self._settings.max_tokens <= self._engine.context_tokens

    async def judge(self, candidates: Sequence[Candidate], seed: int) -> Candidate | None:
        """Returns the candidate that one judging names, or None. Raises EngineError."""
        shown = random.Random(seed).sample(candidates, len(candidates))
        index = find_judgment(await self._reply(self._prompt(shown), seed), len(shown))
        return None if index is None else shown[index]

    def _prompt(self, candidates: Sequence[Candidate]) -> list[int]:
        content = judging_text(self._problem, candidates)
        return self._engine.tokenizer.encode_chat([{"role": "user", "content": content}])

    async def _reply(self, prompt: Sequence[int], seed: int) -> str:
        """Returns the text of the reply; empty if the model did not end it."""
        settings = self._settings
        room_tokens = self._engine.context_tokens - len(prompt)  # Another order may take a few more tokens.
        sampling = Sampling(
            max_tokens=min(settings.max_tokens, room_tokens), temperature=settings.temperature, seed=seed
        )
        token_ids: list[int] = []
        finish_reason: FinishReason | None = None
        self.judgings += 1
        async with aclosing(self._engine.generate(prompt, sampling)) as stream:
            async for piece in stream:
                token_ids += piece.token_ids
                self.tokens += len(piece.token_ids)
                finish_reason = piece.finish_reason
        return self._engine.tokenizer.decode(token_ids) if finish_reason is FinishReason.STOP else ""
