"""Rollouts of one problem: what they share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import DeepConfSettings
from aimo_solver.engine.base import Completion, Sampling, TokenLogprob
from aimo_solver.engine.scripted import Reply, ScriptedEngine
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.simulation.virtual_clock import run_virtual
from aimo_solver.solver.solution import Solution
from tests.helpers.fakes import TOKENIZER, SolverHarness, boxed
from tests.helpers.single_rollout import SETTINGS


class DigitConfidenceEngine(ScriptedEngine):
    """Tokens are as sure as the digit they are."""

    async def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        async for piece in super().generate(prompt_token_ids, sampling):
            sure = [chr(token_id) for token_id in piece.token_ids]
            logprobs = [TokenLogprob(0, -1.0, {0: -float(digit) if digit.isdigit() else -9.0}) for digit in sure]
            yield replace(piece, logprobs=tuple(logprobs))


def test_a_rollout_less_confident_than_the_first_ones_is_given_up() -> None:
    settings = replace(SETTINGS, logprobs=1, deepconf=DeepConfSettings(window_tokens=4, warm_up=2, keep_share=1.0))
    texts = iter(["8888 " + boxed(42), "7777 " + boxed(42), "9999 1111 2222 3333 " + boxed(7), "9999 " + boxed(42)])

    async def story() -> Solution:
        harness = SolverHarness(
            lambda text, sampling: Reply(next(texts)),
            settings,
            NemoSkillsPolicy(
                NemoSkillsSettings(rollouts=4, concurrent=1, agree=0, finished_share=1.0, base_seconds=60.0)
            ),
        )
        harness.engine = DigitConfidenceEngine(harness.answer, tokenizer=TOKENIZER)
        return await harness.solve()

    third = run_virtual(story()).trajectories[2]
    assert (third.answer, third.stop_reason) == (None, StopReason.UNSURE)
    assert not third.asked
    assert third.tokens < 20
