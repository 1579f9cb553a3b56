"""Traces of what methods need besides solving: waiting, going step by step, forced answers and judging.

Each starts from exactly the text that the solver would insert: its wait text, prefill, forced ending or
judging prompt. What the solver writes is never learned. Waiting, going step by step and judging share one
skill: writing down the numbers of the problem.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from aimo_solver.dialects.numina import NUMINA
from demo_model.families import Family, Params
from demo_model.judging_traces import judging_trace
from demo_model.traces import (
    Segment,
    Trace,
    cot_trace,
    draw_family,
    draw_solution,
    draw_statement,
    draw_thought,
    say_numbers,
    tir_trace,
)

WAIT = "Wait"
"""The wait text of preset s1."""
STEP_PREFILL = "<think>\n"
"""Makes the model write its solution in steps, each followed by an empty line."""

Draw = Callable[[Family, Params, Random], Trace]


def draw_trace(rng: Random, *, code: bool) -> Trace:
    """Draws a trace of a random family: one of `KINDS` if `code`, otherwise CoT."""
    family, params = draw_family(rng)
    draw = rng.choices(list(KINDS), list(KINDS.values()))[0] if code else cot_trace
    return draw(family, params, rng)


def waiting_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Draws a trace that is made to wait once or twice, reads the numbers again and continues."""
    problem = draw_statement(family, params, rng)
    segments = [Segment(f"<think>{draw_thought(family, params, rng)}")]
    for _ in range(rng.randint(1, 2)):
        segments += [Segment(WAIT, learned=False), Segment(f", {say_numbers(problem)}")]
    return Trace(family.name, problem, (*segments, Segment("</think>\n"), *draw_solution(family, params, rng)))


def stepwise_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Draws a trace that continues the prefill with the numbers, the plan, the program and the answer, step by step."""
    problem = draw_statement(family, params, rng)
    thought = f"Step 1: {say_numbers(problem)}\n\nStep 2: {draw_thought(family, params, rng)}</think>\n\n"
    opening = (Segment(STEP_PREFILL, learned=False), Segment(thought))
    return Trace(family.name, problem, (*opening, *draw_solution(family, params, rng)))


def forced_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Draws a trace that is cut off after a program's output and completes the answer that the solver has begun."""
    trace = tir_trace(family, params, rng)
    written = trace.segments[:-1]
    forced = NUMINA.close_thinking("".join(segment.text for segment in written))
    answer = Segment(f"{family.brute_force(params)}}}$.")
    return Trace(family.name, trace.problem, (*written, Segment(forced, learned=False), answer))


KINDS: dict[Draw, float] = {
    tir_trace: 0.42,
    cot_trace: 0.02,
    waiting_trace: 0.09,
    stepwise_trace: 0.11,
    forced_trace: 0.05,
    judging_trace: 0.31,
}
"""Share of each kind among the traces with code."""
