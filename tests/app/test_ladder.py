"""The ladder on scripted engines and a virtual clock: which settings a contest and a run at home end up with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from aimo_solver.app.ladder import PLAIN, SETTINGS, rungs_of
from aimo_solver.app.options import RunOptions, choose_options
from aimo_solver.app.runtime import open_runtime
from aimo_solver.config.settings import Hardware, load_hardware
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ScriptedEngine
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.errors import EngineLoadError
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.fakes import InProcessSandbox
from tests.helpers.runtimes import whole_checkpoint

FLUENT = Reply("First, let me list the primes that leave remainder 3 when divided by 8: 3, 11, 19, 43. " * 2)
BROKEN: Mapping[str, Reply] = {
    "empty": Reply(""),
    "garbled": Reply("!" * 200),
    "slow": replace(FLUENT, tokens_per_chunk=1, seconds_per_chunk=2.0),
    "wedged": replace(FLUENT, hangs_after_tokens=0),
}
LADDER = Hardware(
    kv_cache_dtype="fp8",
    speculative={"method": "ngram"},
    engine={"moe_backend": "marlin"},
    ladder=({"kv_cache_dtype": "auto"}, {"kv_cache_dtype": "auto", "speculative": {}, "max_num_seqs": 8}),
)
TO_LOAD = 100.0
Script = Callable[[VllmSettings], "Reply | EngineLoadError"]


class Session:
    """A runtime that was opened and closed: the settings it tried, those it kept, its log and its seconds."""

    def __init__(self, options: RunOptions, script: Script, *, climbs: bool = True, limit_seconds: float = 18_000.0):
        self.tried: list[VllmSettings] = []
        self.log: list[str] = []
        self.engines: list[ScriptedEngine] = []
        self._script = script
        self.seconds, self.kept = run_virtual(self._open(options, climbs, limit_seconds))

    async def _open(self, options: RunOptions, climbs: bool, limit_seconds: float) -> tuple[float, Hardware]:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        async with open_runtime(
            options,
            self.log.append,
            started_at + limit_seconds,
            climbs=climbs,
            make_engine=self._make_engine,
            make_sandbox=_sandbox,
            read_tokenizer=lambda folder: ByteTokenizer(),
        ) as runtime:
            assert sum(not engine.active_requests for engine in self.engines) == len(self.engines)
            return loop.time() - started_at, runtime.options.hardware

    def _make_engine(self, settings: VllmSettings) -> ScriptedEngine:
        self.tried.append(settings)
        outcome = self._script(settings)
        refused = outcome if isinstance(outcome, EngineLoadError) else None
        engine = ScriptedEngine(lambda text, sampling: _reply(outcome), start_seconds=TO_LOAD, load_error=refused)
        self.engines.append(engine)
        return engine

    def logged(self, text: str) -> bool:
        return any(text in line for line in self.log)


def _reply(outcome: Reply | EngineLoadError) -> Reply:
    assert isinstance(outcome, Reply)
    return outcome


def _sandbox(memory_bytes: int) -> InProcessSandbox:
    return InProcessSandbox()


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    checkpoint = whole_checkpoint(tmp_path / "model")
    return replace(choose_options(checkpoint, preset="demo", hardware="cpu"), hardware=LADDER)


def good_if(condition: Callable[[VllmSettings], bool], otherwise: Reply | EngineLoadError) -> Script:
    return lambda settings: FLUENT if condition(settings) else otherwise


def test_settings_that_pass_the_canary_are_kept_and_nothing_else_is_tried(options: RunOptions) -> None:
    session = Session(options, lambda settings: FLUENT)
    assert (len(session.tried), session.kept) == (1, LADDER)
    assert session.logged("canary passed: ")


@pytest.mark.parametrize("fault", BROKEN)
def test_settings_that_fail_the_canary_are_replaced_by_the_next_step(options: RunOptions, fault: str) -> None:
    session = Session(options, good_if(lambda settings: settings.kv_cache_dtype == "auto", BROKEN[fault]))
    assert session.kept == LADDER.steps[0]
    assert [settings.kv_cache_dtype for settings in session.tried] == ["fp8", "auto"]
    assert session.logged(f"warning: canary failed, {fault}: ")
    assert session.logged("trying ladder step 1: kv_cache_dtype = 'auto'")
    assert session.logged("canary passed: ")


def test_settings_that_do_not_start_are_replaced_by_the_next_step(options: RunOptions) -> None:
    session = Session(options, good_if(lambda settings: settings.max_num_seqs == 8, EngineLoadError("out of memory")))
    assert session.kept == LADDER.steps[1]
    assert session.logged("the settings: the engine does not start: out of memory")
    assert session.logged("ladder step 1: the engine does not start: out of memory")


def test_after_the_ladder_plain_settings_are_tried(options: RunOptions) -> None:
    session = Session(options, good_if(lambda settings: settings.enforce_eager, BROKEN["empty"]))
    assert session.kept == LADDER.plain
    assert len(session.tried) == 4
    assert session.logged("trying plain settings: kv_cache_dtype = 'auto', enforce_eager = True, speculative = None")


def test_if_no_settings_pass_the_least_bad_that_start_are_used(options: RunOptions) -> None:
    def script(settings: VllmSettings) -> Reply | EngineLoadError:
        if settings.enforce_eager:
            return EngineLoadError("no kernel")
        return BROKEN["slow"] if settings.max_num_seqs == 8 else BROKEN["empty"]

    session = Session(options, script)
    assert session.kept == LADDER.steps[1]
    assert session.tried[-1].max_num_seqs == 8
    assert session.logged("warning: no settings pass the canary; continuing with ladder step 2")


def test_if_nothing_starts_the_last_refusal_is_raised(options: RunOptions) -> None:
    with pytest.raises(EngineLoadError, match="no card"):
        Session(options, lambda settings: EngineLoadError("no card"))


def test_other_settings_are_tried_in_a_fifth_of_the_time_only(options: RunOptions) -> None:
    session = Session(options, lambda settings: BROKEN["empty"], limit_seconds=600.0)
    assert len(session.tried) == 3  # The third began before 120 s, and the first is as good: it is started again.
    assert session.logged("no time is left to try other settings")
    assert session.seconds < 600.0


def test_at_home_a_canary_that_fails_is_a_warning_and_the_settings_stay(options: RunOptions) -> None:
    session = Session(options, lambda settings: BROKEN["garbled"], climbs=False)
    assert (len(session.tried), session.kept) == (1, LADDER)
    assert session.logged("warning: canary failed, garbled: 4 of 4 answers, one token 128 times in a row: '!!!")
    assert not session.logged("no settings pass")


def test_at_home_settings_that_do_not_start_are_an_error(options: RunOptions) -> None:
    with pytest.raises(EngineLoadError, match="no card"):
        Session(options, lambda settings: EngineLoadError("no card"), climbs=False)


def test_a_wedged_engine_is_seen_before_the_supervisor_restarts_it(options: RunOptions) -> None:
    session = Session(options, lambda settings: BROKEN["wedged"], climbs=False)
    assert len(session.tried) == 1
    assert session.seconds < TO_LOAD + LADDER.stall_seconds


def test_the_context_that_a_checkpoint_lacks_is_said(options: RunOptions) -> None:
    session = Session(replace(options, hardware=replace(LADDER, max_model_len=65_536)), lambda settings: FLUENT)
    assert session.logged("max_model_len 65,536 is more than the checkpoint has: its context is 4,096 tokens")


@pytest.mark.parametrize("name", ["h100", "l4x4", "t4x2", "cuda"])
def test_every_gpu_has_a_ladder_that_ends_with_plain_settings(name: str) -> None:
    rungs = rungs_of(load_hardware(name))
    assert rungs[0].name == SETTINGS
    assert len(rungs) >= 3
    last = rungs[-1].hardware
    assert rungs[-1].name == PLAIN or (last.enforce_eager and last.kv_cache_dtype == "auto")


def test_plain_settings_are_not_tried_twice() -> None:
    assert [rung.name for rung in rungs_of(load_hardware("cpu"))] == [SETTINGS]
