"""Ladder: starts an engine with a machine's settings or, where they do not start or fail the canary, with the next.

The next settings are the hardware's own ladder, then plain ones. Guarantees: an engine that is given up has ended
before the next one starts; every attempt is a line in the log; if no settings pass the canary, those that did least
badly are used, as a suspicion must not cost a contest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from aimo_solver.app.canary import Fault, Verdict
from aimo_solver.config.settings import Hardware
from aimo_solver.engine.supervised import SupervisedEngine
from aimo_solver.errors import EngineError, EngineLoadError
from aimo_solver.utils.contained import contained
from aimo_solver.utils.log import Log

AskCanary = Callable[[SupervisedEngine, Hardware], Awaitable[Verdict]]
MakeSupervised = Callable[[Hardware], SupervisedEngine]
SETTINGS: Final = "the settings"
PLAIN: Final = "plain settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """Settings to try, and what the log calls them."""

    name: str
    hardware: Hardware


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long settings are tried."""

    attempts: int = 1
    """Starts of each rung: a refusal can be temporary, as while a dead process still holds memory."""
    pause_seconds: float = 5.0
    """Before another start."""
    give_up_at: float
    """Loop time after which no further settings are tried, once an engine runs."""


def rungs_of(hardware: Hardware) -> list[Rung]:
    """Returns the settings in the order in which they are tried, each once."""
    steps = [Rung(name=f"ladder step {number}", hardware=step) for number, step in enumerate(hardware.steps, start=1)]
    found: list[Rung] = []
    for rung in (Rung(name=SETTINGS, hardware=hardware), *steps, Rung(name=PLAIN, hardware=hardware.plain)):
        if not any(_difference(known.hardware, rung.hardware) == {} for known in found):
            found.append(rung)
    return found


class Ladder:
    """An engine that is looked for among settings. Its coroutines belong to one event loop."""

    def __init__(
        self, rungs: Sequence[Rung], make_engine: MakeSupervised, *, ask: AskCanary | None, patience: Patience, log: Log
    ) -> None:
        """`ask`: None means that an engine that starts is good."""
        self._rungs, self._make_engine, self._ask, self._patience, self._log = rungs, make_engine, ask, patience, log
        self.canary_seconds = 0.0
        """Spent on the canary so far."""
        self._engine: SupervisedEngine | None = None
        self._started: Rung | None = None
        """The settings of the engine that runs."""

    async def climb(self) -> tuple[SupervisedEngine, Hardware]:
        """Returns an engine that runs, and its settings. Raises the last EngineError if none starts."""
        failed: list[tuple[int, int]] = []
        """Severity and place of the rungs that start."""
        refusal: EngineError | None = None
        for place, rung in enumerate(self._rungs):
            if failed and asyncio.get_running_loop().time() > self._patience.give_up_at:
                self._log("no time is left to try other settings")
                break
            self._announce(rung)
            try:
                engine = await self._start(rung)
            except EngineError as error:
                refusal = error
                if len(self._rungs) > 1:
                    self._log(f"{rung.name}: the engine does not start: {error}")
                continue
            fault = await self._find_fault(engine, rung.hardware)
            if fault is None:
                return engine, rung.hardware
            failed.append((fault.severity, place))
        if not failed:
            assert refusal is not None
            raise refusal
        return await self._least_bad(failed)

    async def stop(self) -> None:
        """Ends the engine, whether it runs or still starts."""
        if self._engine is not None:
            await self._engine.stop()

    async def _find_fault(self, engine: SupervisedEngine, hardware: Hardware) -> Fault | None:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        verdict = Verdict() if self._ask is None else await self._ask(engine, hardware)
        self.canary_seconds += loop.time() - began_at
        return verdict.fault

    async def _least_bad(self, failed: list[tuple[int, int]]) -> tuple[SupervisedEngine, Hardware]:
        """Returns the running engine, or starts better settings again. Raises EngineError if none of them starts."""
        for _, place in sorted(failed):
            rung = self._rungs[place]
            if len(self._rungs) > 1:
                self._log(f"warning: no settings pass the canary; continuing with {rung.name}")
            if self._engine is not None and self._started is rung:
                return self._engine, rung.hardware
            try:
                return await self._start(rung), rung.hardware
            except EngineError as error:
                self._log(f"{rung.name}: the engine does not start again: {error}")
        raise EngineLoadError("no settings start the engine a second time; run `aimo doctor`")

    def _announce(self, rung: Rung) -> None:
        if rung is not self._rungs[0]:
            changed = _difference(self._rungs[0].hardware, rung.hardware)
            listed = ", ".join(f"{name} = {value!r}" for name, value in changed.items())
            self._log(f"trying {rung.name}: {listed}")

    async def _start(self, rung: Rung) -> SupervisedEngine:
        """Ends the engine before, and starts one with these settings. Raises EngineLoadError."""
        attempts = self._patience.attempts
        for attempt in range(1, attempts + 1):
            await self._end_engine()
            engine = self._engine = self._make_engine(rung.hardware)
            try:
                await engine.start()
            except EngineLoadError as error:
                if attempt == attempts:
                    raise
                self._log(f"loading failed ({error}); attempt {attempt} of {attempts}")
                await asyncio.sleep(self._patience.pause_seconds)
            else:
                self._started = rung
                return engine
        raise AssertionError("attempts must be positive")

    async def _end_engine(self) -> None:
        if self._started is None or self._engine is None:
            return
        self._started = None
        with contained("ending the engine", self._log):  # The next start says what it finds.
            await self._engine.stop()
        await asyncio.sleep(self._patience.pause_seconds)


def _difference(one: Hardware, other: Hardware) -> dict[str, object]:
    """Returns what the other settings have otherwise; what is empty counts as left out."""
    before, after = asdict(one), asdict(other)
    return {
        name: value for name, value in after.items() if name != "ladder" and (value or None) != (before[name] or None)
    }
