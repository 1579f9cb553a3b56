"""A checkpoint of a family without a dialect file, end to end: found, prompted, its call read and run, its answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aimo_solver.app.options import choose_options
from aimo_solver.app.runtime import open_runtime
from aimo_solver.policies.ledger import Ledger
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.solver.observer import Observer
from aimo_solver.solver.solution import Solution
from tests.helpers.chat_templates import write_tokenizer
from tests.helpers.parrots import write_parrot

CALL = "\n<function=python>\n<parameter=code>\nprint(6 * 7)\n</parameter>\n</function>\n"
PRESET = """
dialect = "auto"
[rollout]
temperature = 0.0
max_tokens = 200
code_rounds = 2
[policy]
name = "nemoskills"
rollouts = 1
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A Qwen3 network with Qwen3.5's template: it calls in every turn, and fills a box with 42."""
    folder = write_tokenizer(tmp_path / "parrot", "qwen3_5", more_tokens=[CALL])
    return write_parrot(
        folder,
        {
            "<think>\n": "<tool_call>",
            "<tool_call>": CALL,
            CALL: "</tool_call>",
            "\nThe answer is $\\boxed{": "4",
            "4": "2",
            "2": "}",
            "}": "<|im_end|>",
        },
    )


@pytest.mark.engine
def test_a_template_checkpoint_calls_reads_its_output_and_answers(checkpoint: Path, tmp_path: Path) -> None:
    preset = tmp_path / "preset.toml"
    preset.write_text(PRESET)
    lines: list[str] = []

    async def story() -> Solution:
        options = choose_options(checkpoint, preset=str(preset), hardware="cpu", limit_seconds=600.0)
        ends_at = asyncio.get_running_loop().time() + 600.0
        async with open_runtime(options, lines.append, ends_at, canary=None) as runtime:
            solver = runtime.make_solver(Observer())
            ledger = Ledger(asyncio.get_running_loop().time(), 300.0, problems_left=1)
            return await solver.solve(Problem("p1", "What is 6 times 7?", gold=42), ledger)

    solution = asyncio.run(story())
    assert any("dialect template (its chat template writes calls that vLLM's parser" in line for line in lines)
    (trajectory,) = solution.trajectories
    assert [turn.code for turn in trajectory.turns][:2] == ["print(6 * 7)", "print(6 * 7)"]
    assert [turn.output for turn in trajectory.turns][:2] == ["42", "42"]
    assert (trajectory.answer, trajectory.stop_reason, solution.answer) == (42, StopReason.FLUSHED, 42)
