"""Training traces: a problem and the completion that the model should learn to write for it.

A tool-integrated (TIR) trace thinks, writes a program, reads its real output and answers; some first write
a broken program, read its real traceback and repair it. A chain-of-thought (CoT) trace reasons without
code. Program outputs are exactly what the sandbox would show. What methods need besides solving has traces
of its own, in `method_traces.py`.
"""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from random import Random
from typing import Any

from aimo_solver.dialects.dialect import shown_output
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus
from aimo_solver.sandbox.inside.cell import run_cell
from demo_model.demo_set import held_out
from demo_model.families import FAMILIES, Family, Params
from demo_model.families.family import fill

ANSWERS = (
    "The answer is $\\boxed{{{}}}$.",
    "So the answer is $\\boxed{{{}}}$.",
    "Therefore the answer is $\\boxed{{{}}}$.",
)
REPAIRED_SHARE = 0.08
BLURRED_SHARE = 0.5
"""Share of the statements that lose words: a model that has read few wordings must not rely on single words."""
LOST_WORD_SHARE = 0.2
"""Share of its words that such a statement loses."""
FIRST_SHARE = 0.75
"""Share of the traces that use a family's first program: uniform wording is learnt sooner."""

NUMBER = re.compile(r"\d+")
_WORD = re.compile(r" [A-Za-z]+(?=[ .,?])")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a completion; `learned` is False for what the sandbox or the solver wrote."""

    text: str
    learned: bool = True


@dataclass(frozen=True, slots=True)
class Trace:
    """A problem and its completion."""

    family: str
    problem: str
    segments: tuple[Segment, ...]


def cot_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Draws a trace that reasons in words and answers."""
    answer = rng.choice(ANSWERS).format(family.brute_force(params))
    text = f"<think>{family.steps(params)}</think>\n{answer}"
    return Trace(family.name, draw_statement(family, params, rng), (Segment(text),))


def tir_trace(family: Family, params: Params, rng: Random) -> Trace:
    """Draws a trace that thinks, runs a program and answers; some first repair a broken program."""
    opening = Segment(f"<think>{draw_thought(family, params, rng)}</think>\n")
    return Trace(family.name, draw_statement(family, params, rng), (opening, *draw_solution(family, params, rng)))


def draw_family(rng: Random) -> tuple[Family, Params]:
    """Draws a random family and parameters that are not in the demo set."""
    family = rng.choice(FAMILIES)
    params = family.draw(rng)
    while (family.name, str(params)) in held_out():
        params = family.draw(rng)
    return family, params


def draw_statement(family: Family, params: Params, rng: Random) -> str:
    """Draws the problem's statement in a wording of the training set, sometimes with words lost."""
    statement = fill(rng.choice(family.wordings), params)
    return _lose_words(statement, rng) if rng.random() < BLURRED_SHARE else statement


def draw_thought(family: Family, params: Params, rng: Random) -> str:
    """Draws the thought before the program."""
    return fill(_mostly_first(family.thoughts, rng), params)


def draw_solution(family: Family, params: Params, rng: Random) -> list[Segment]:
    """Draws what follows the thinking: programs, their outputs and the answer."""
    program = fill(_mostly_first(family.programs, rng), params)
    segments: list[Segment] = []
    broken = _break(program, rng) if rng.random() < REPAIRED_SHARE else None
    if broken is not None:
        segments += [*_block(broken.program), Segment(f"{broken.remark}\n")]
    return [*segments, *_block(program), Segment(rng.choice(ANSWERS).format(family.brute_force(params)))]


def say_numbers(problem: str) -> str:
    """Returns a sentence that lists the problem's numbers; waiting, going step by step and judging start with it."""
    return f"the numbers are {', '.join(NUMBER.findall(problem))}."


def run_program(program: str) -> str:
    """Returns what the sandbox would show the model for this program."""
    stdout = io.StringIO()
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(stdout):
        outcome = run_cell(program, namespace)
    result = ExecutionResult(
        status=ExecutionStatus(outcome.status), stdout=stdout.getvalue(), error=outcome.error, seconds=0.0
    )
    return shown_output(result, NUMINA.tool.output_chars)


def _lose_words(statement: str, rng: Random) -> str:
    """Drops words at random; numbers and formulas stay intact."""
    return _WORD.sub(lambda match: match[0] if rng.random() >= LOST_WORD_SHARE else "", statement)


def _mostly_first(texts: tuple[str, ...], rng: Random) -> str:
    return texts[0] if rng.random() < FIRST_SHARE else rng.choice(texts)


def _block(program: str) -> list[Segment]:
    return [
        Segment(f"```python\n{program}\n```\n```output\n"),
        Segment(NUMINA.render_output(run_program(program)), learned=False),
    ]


@dataclass(frozen=True, slots=True)
class _Broken:
    program: str
    remark: str
    """What the model says after reading the error."""


def _break(program: str, rng: Random) -> _Broken | None:
    """Puts one mistake that Python reports into the program; None when no mistake is possible."""
    breakers = [_forget_import, _forget_start_value, _forget_colon, _misspell]
    rng.shuffle(breakers)
    for breaker in breakers:
        broken = breaker(program, rng)
        if broken is not None and broken.program != program and "Error" in run_program(broken.program):
            return broken
    return None


def _forget_import(program: str, rng: Random) -> _Broken | None:
    lines = program.splitlines()
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    if not imports:
        return None
    dropped = rng.choice(imports)
    return _Broken("\n".join(line for line in lines if line != dropped), "I forgot an import.")


def _forget_start_value(program: str, rng: Random) -> _Broken | None:
    lines = program.splitlines()
    starts = [line for line in lines if re.fullmatch(r"[a-z]+ = (\d|\[.*|set\(\)|\{\})", line)]
    if not starts:
        return None
    dropped = rng.choice(starts)
    return _Broken("\n".join(line for line in lines if line != dropped), "A variable has no start value.")


def _forget_colon(program: str, rng: Random) -> _Broken | None:
    lines = program.splitlines()
    heads = [index for index, line in enumerate(lines) if line.endswith(":")]
    if not heads:
        return None
    index = rng.choice(heads)
    lines[index] = lines[index][:-1]
    return _Broken("\n".join(lines), "A colon is missing.")


def _misspell(program: str, rng: Random) -> _Broken | None:
    names = sorted(set(re.findall(r"\b(range|print|sum|len|sorted|str|int|max|min|abs)\b", program)))
    if not names:
        return None
    name = rng.choice(names)
    return _Broken(
        re.sub(rf"\b{name}\b", name[0] + name[2] + name[1] + name[3:], program, count=1), "A name is misspelt."
    )
