"""Rollouts: how they proceed, and every way in which they end."""

from __future__ import annotations

from dataclasses import replace

from aimo_solver.config.names import CodeMode
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from aimo_solver.errors import SandboxError
from aimo_solver.rollouts.code_tool import NO_CODE
from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.contests import AIMO3
from tests.helpers.fakes import InProcessSandbox, InProcessSession, SolverHarness, boxed, code
from tests.helpers.single_rollout import ONE_ROLLOUT, SETTINGS, run_one


def test_a_box_is_an_answer() -> None:
    trajectory = run_one(boxed(42))
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.ANSWERED)


def test_code_runs_and_its_output_goes_back() -> None:
    trajectory = run_one(code("print(6 * 7)"), boxed(42))
    assert trajectory.turns[0].output == "42"
    assert trajectory.turns[0].status is ExecutionStatus.OK
    assert trajectory.answer == 42


def test_the_model_sees_the_output_inside_its_own_block() -> None:
    seen: list[str] = []

    def reply(text: str, sampling: Sampling) -> Reply:
        seen.append(text)
        return Reply(code("print(6 * 7)") if len(seen) == 1 else boxed(42))

    async def story() -> None:
        await SolverHarness(reply, SETTINGS, ONE_ROLLOUT).solve()

    run_virtual(story())
    assert seen[1] == code("print(6 * 7)") + "42\n```\n"


def test_the_state_of_earlier_blocks_is_kept() -> None:
    trajectory = run_one(code("x = 6"), code("print(x * 7)"), boxed(42))
    assert [turn.output for turn in trajectory.turns] == ["", "42", None]


def test_a_traceback_goes_back_and_the_model_repairs_its_code() -> None:
    trajectory = run_one(code("print(gcd(84, 126))"), code("from math import gcd\nprint(gcd(84, 126))"), boxed(42))
    assert "NameError: name 'gcd' is not defined" in (trajectory.turns[0].output or "")
    assert trajectory.turns[1].output == "42"


def test_a_box_is_kept_when_the_code_after_it_fails() -> None:
    trajectory = run_one(boxed(42) + code("1 / 0"), "I am done.")
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.ANSWERED)


def test_a_box_in_tool_output_is_no_answer() -> None:
    trajectory = run_one(code(r"print('\\boxed{7}')"), "Well.", "no idea")
    assert (trajectory.answer, trajectory.stop_reason) == (None, StopReason.NO_ANSWER)


def test_an_answer_outside_the_rule_is_none() -> None:
    trajectory = run_one(boxed(-5), "-5}$.", rule=AIMO3)
    assert (trajectory.answer, trajectory.stop_reason) == (None, StopReason.NO_ANSWER)


def test_output_is_cut_to_the_length_set() -> None:
    settings = replace(SETTINGS, output_chars=20)
    output = run_one(code("print('a' * 50 + 'b' * 50)"), boxed(1), settings=settings).turns[0].output
    assert output == "a" * 10 + "\n... 80 characters cut ...\n" + "b" * 10


def test_too_many_code_rounds_are_flushed() -> None:
    settings = replace(SETTINGS, code_rounds=2)
    trajectory = run_one(code("print(1)"), code("print(2)"), code("print(3)"), "42}$.", settings=settings)
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)
    assert trajectory.code_calls == 2
    assert trajectory.turns[-1].flush


def test_too_many_code_rounds_without_an_answer_have_their_own_stop_reason() -> None:
    settings = replace(SETTINGS, code_rounds=0)
    assert run_one(code("print(1)"), "no idea", settings=settings).stop_reason is StopReason.ROUND_LIMIT


def test_tokens_are_counted_over_all_turns() -> None:
    settings = replace(SETTINGS, max_tokens=60, flush_tokens=20)
    trajectory = run_one(code("print(1)"), "x" * 500, "y" * 500, settings=settings)
    assert trajectory.stop_reason is StopReason.TOKEN_LIMIT
    assert [sum(turn.tokens for turn in trajectory.turns if turn.flush is flush) for flush in (False, True)] == [40, 20]


def test_a_full_context_is_flushed_inside_the_context() -> None:
    trajectory = run_one("x" * 500, "42}$.", context_tokens=200)
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)


def test_a_prompt_longer_than_the_context_ends_at_once() -> None:
    assert run_one(context_tokens=10).stop_reason is StopReason.TOKEN_LIMIT


def test_a_deadline_fires_without_any_token() -> None:
    trajectory = run_one(Reply("x", hangs_after_tokens=0))
    assert trajectory.stop_reason is StopReason.DEADLINE
    assert trajectory.seconds <= 60.0


def test_a_slow_rollout_is_asked_for_its_answer_before_the_deadline() -> None:
    trajectory = run_one(Reply("<think>" + "hm " * 100, seconds_per_chunk=5.0), Reply("42}$."))
    assert (trajectory.answer, trajectory.stop_reason) == (42, StopReason.FLUSHED)
    assert trajectory.turns[-1].text.startswith("</think>\nThe answer is $\\boxed{42")


def test_what_was_written_before_the_deadline_is_kept() -> None:
    trajectory = run_one(Reply("y" * 400, seconds_per_chunk=5.0), Reply("none"))
    assert trajectory.turns[0].text == "y" * trajectory.turns[0].tokens
    assert trajectory.turns[0].tokens > 0


def test_code_that_outlasts_the_deadline_is_cut() -> None:
    trajectory = run_one(
        code("print(1)"),
        "no answer",
        sandbox=InProcessSandbox(seconds=1000.0),
        settings=replace(SETTINGS, code_timeout_seconds=500.0),
    )
    assert trajectory.stop_reason is StopReason.DEADLINE


def test_a_dead_engine_ends_the_rollout_with_its_reason() -> None:
    assert run_one(Reply("abc", dies_after_tokens=1)).stop_reason is StopReason.ENGINE_FAILED


def test_a_broken_sandbox_ends_the_rollout_with_its_reason() -> None:
    sandbox = InProcessSandbox(failure=SandboxError("no processes"))
    assert run_one(code("print(1)"), "no idea", sandbox=sandbox).stop_reason is StopReason.SANDBOX_FAILED


def test_a_call_is_answered_that_code_is_disabled() -> None:
    sandbox = InProcessSandbox()
    settings = replace(SETTINGS, code=CodeMode.DISABLED)
    trajectory = run_one(code("print(6 * 7)"), boxed(41), settings=settings, sandbox=sandbox)
    assert trajectory.turns[0].output == "code execution is disabled"
    assert sandbox.cells == []


def test_with_code_off_calls_are_not_recognised() -> None:
    trajectory = run_one(code("print(6 * 7)") + boxed(42), settings=replace(SETTINGS, code=CodeMode.OFF))
    assert (trajectory.answer, trajectory.code_calls, len(trajectory.turns)) == (42, 0, 1)


def test_entropies_are_logged_per_token_when_asked_for() -> None:
    turn = run_one(boxed(42), settings=replace(SETTINGS, logprobs=3)).turns[0]
    assert turn.entropies is not None
    assert len(turn.entropies) == turn.tokens


def test_code_seconds_are_not_counted_as_generation() -> None:
    turn = run_one(code("print(1)"), boxed(1), sandbox=InProcessSandbox(seconds=3.0)).turns[0]
    assert turn.code_seconds == 3.0
    assert 0 < turn.seconds < 3.0


def test_an_output_block_without_code_is_answered_and_the_model_continues() -> None:
    trajectory = run_one("So:\n```output\n", code("print(6 * 7)"), boxed(42))
    assert trajectory.answer == 42
    assert [turn.output for turn in trajectory.turns] == [NO_CODE, "42", None]
    assert trajectory.turns[0].status is ExecutionStatus.ERROR


def test_output_blocks_without_code_are_counted_as_rounds() -> None:
    trajectory = run_one(*["```output\n"] * 5, "42}$.")
    assert trajectory.stop_reason is StopReason.FLUSHED
    assert trajectory.answer == 42


def test_a_flushed_answer_is_not_swallowed_by_an_older_open_box() -> None:
    trajectory = run_one("Perhaps $\\boxed{ " + "x" * 500, "42}$. }", context_tokens=300)
    assert (trajectory.stop_reason, trajectory.answer) == (StopReason.FLUSHED, 42)


def test_an_unexpected_error_ends_the_rollout_with_its_reason() -> None:
    class Broken(InProcessSandbox):
        async def open_session(self) -> InProcessSession:
            raise OSError("no descriptors left")

    assert run_one(code("1"), "no idea", sandbox=Broken()).stop_reason is StopReason.FAILED
