"""What the demo model is taught besides solving: each trace begins with exactly what the solver would insert."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.settings import load_preset
from aimo_solver.dialects.numina import NUMINA
from demo_model import method_traces
from demo_model.families import Family, Params
from demo_model.method_traces import (
    KINDS,
    Draw,
    draw_trace,
    forced_trace,
    stepwise_trace,
    waiting_trace,
)
from demo_model.traces import Segment, Trace, draw_family
from tests.helpers.contests import AIMO3

SEEDS = st.integers(0, 10_000)


def drawn(kind: Draw, seed: int) -> tuple[Trace, int]:
    """Draws a trace; returns it with its problem's answer."""
    rng = Random(seed)
    family, params = draw_family(rng)
    return kind(family, params, rng), family.brute_force(params)


@given(SEEDS)
def test_a_waiting_trace_contains_the_presets_wait_text_and_never_learns_it(seed: int) -> None:
    trace, answer = drawn(waiting_trace, seed)
    wait = Segment(load_preset("s1").rollout.wait_text, learned=False)
    waits = [place for place, segment in enumerate(trace.segments) if segment == wait]
    assert 1 <= len(waits) <= load_preset("s1").rollout.waits
    assert "</think>" not in "".join(segment.text for segment in trace.segments[: waits[-1]])
    assert NUMINA.find_answer(trace.segments[-1].text, AIMO3) == answer


@given(SEEDS)
def test_a_stepwise_trace_begins_with_the_searches_prefill(seed: int) -> None:
    trace, answer = drawn(stepwise_trace, seed)
    preset = load_preset("demo-rstar")
    assert preset.search is not None
    assert trace.segments[0] == Segment(preset.rollout.prefill, learned=False)
    first, second, _ = trace.segments[1].text.split(preset.search.separator)
    assert re.fullmatch(r"Step 1: the numbers are [\d, ]*\.", first)
    assert second.startswith("Step 2: ") and second.endswith("</think>")
    assert NUMINA.find_answer(trace.segments[-1].text, AIMO3) == answer


@given(SEEDS)
def test_a_forced_trace_completes_the_dialects_forced_answer(seed: int) -> None:
    trace, answer = drawn(forced_trace, seed)
    *written, forced, reply = trace.segments
    assert forced == Segment(NUMINA.close_thinking("".join(segment.text for segment in written)), learned=False)
    assert not written[-1].learned, "it is cut after an output"
    assert reply.text == f"{answer}}}$."


def test_kinds_are_drawn_by_their_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Counter[str]()

    def counting(name: str) -> Draw:
        def draw(family: Family, params: Params, rng: Random) -> Trace:
            seen[name] += 1
            return Trace(name, "", ())

        return draw

    monkeypatch.setattr(method_traces, "KINDS", {counting(kind.__name__): share for kind, share in KINDS.items()})
    for seed in range(2_000):
        draw_trace(Random(seed), code=True)
    assert sum(KINDS.values()) == pytest.approx(1.0)
    for kind, share in KINDS.items():
        assert seen[kind.__name__] / 2_000 == pytest.approx(share, abs=0.03)
