"""A supervised engine around scripted ones, on a virtual clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ScriptedEngine, replies_by_prompt
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.engine_contract import JoinedCompletion, complete

TOKENIZER = ByteTokenizer(("output", " the"))
TEXT = "Über the five 🙂 output of `x = 3` is the éé answer."
START_SECONDS = 20.0
STALL_SECONDS = 60.0


@dataclass
class SupervisedHarness:
    """A supervised engine, the engines made for it, and its log."""

    replies: list[dict[str, Reply]]
    """Prompt -> reply for the first engine, the second, ...; the last one serves all later engines."""
    load_errors: dict[int, BaseException] = field(default_factory=dict[int, BaseException])
    """What starting the engine of a number raises."""
    stop_errors: dict[int, BaseException] = field(default_factory=dict[int, BaseException])
    """What ending the engine of a number raises."""
    engines: list[ScriptedEngine] = field(default_factory=list[ScriptedEngine])
    log: list[str] = field(default_factory=list[str])
    max_restarts: int = 10

    def __post_init__(self) -> None:
        self.supervised = SupervisedEngine(
            self._make, stall_seconds=STALL_SECONDS, max_restarts=self.max_restarts, log=self.log.append
        )

    def _make(self) -> ScriptedEngine:
        number = len(self.engines)
        script = replies_by_prompt(self.replies[min(number, len(self.replies) - 1)])
        self.engines.append(
            ScriptedEngine(
                script,
                tokenizer=TOKENIZER,
                start_seconds=START_SECONDS,
                load_error=self.load_errors.get(number),
                stop_error=self.stop_errors.get(number),
            )
        )
        return self.engines[-1]

    def ask(self, prompt: str = "p", **sampling: Any) -> Coroutine[Any, Any, JoinedCompletion]:
        """Completes the prompt."""
        return complete(self.supervised, TOKENIZER.encode(prompt), replace(Sampling(max_tokens=200), **sampling))

    def run(self, scenario: Callable[[], Awaitable[Any]]) -> Any:
        """Runs the scenario between start and stop of the engine."""

        async def started() -> Any:
            await self.supervised.start()
            try:
                return await scenario()
            finally:
                await self.supervised.stop()

        return run_virtual(started())


def reply(**settings: Any) -> dict[str, Reply]:
    """Returns a script that answers the prompt "p" with TEXT."""
    return {"p": replace(Reply(TEXT, tokens_per_chunk=4), **settings)}


def assert_whole(joined: JoinedCompletion, text: str = TEXT + "<|end|>") -> None:
    assert joined.text == text
    assert joined.text == TOKENIZER.decode(joined.token_ids)
