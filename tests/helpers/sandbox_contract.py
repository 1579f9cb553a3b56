"""One suite for every Sandbox: subclass SandboxContract as `Test...` and give it a `sandbox` fixture.

The sandbox needs a memory limit of at most 2 GB and an output limit of at most 10,000 characters.
"""

from __future__ import annotations

import asyncio

import pytest

from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.base import ExecutionStatus, Sandbox, Session
from tests.helpers.contract_programs import CRASHES, ENDLESS, ERRORS
from tests.helpers.sandbox_sessions import HANG_GUARD_SECONDS, in_session, require_usable, run_cell_in, run_cells

SHORT_SECONDS = 0.3


class SandboxContract:
    """What every sandbox does."""

    def test_a_good_cell_has_no_error(self, sandbox: Sandbox) -> None:
        result = run_cell_in(sandbox, "print(1)")
        assert (result.status, result.stdout, result.error) == (ExecutionStatus.OK, "1\n", "")
        assert result.seconds >= 0
        assert result.queue_seconds >= 0

    def test_variables_last_from_cell_to_cell(self, sandbox: Sandbox) -> None:
        assert run_cells(sandbox, "def f(): return 7", "f()")[1].stdout == "7\n"

    def test_sessions_share_no_variables(self, sandbox: Sandbox) -> None:
        run_cell_in(sandbox, "x = 5")
        assert "NameError" in run_cell_in(sandbox, "x").error

    def test_the_last_expression_is_echoed_after_what_was_printed(self, sandbox: Sandbox) -> None:
        assert run_cell_in(sandbox, "print('a')\n'b'  # comment").stdout == "a\n'b'\n"

    def test_an_assignment_is_not_echoed(self, sandbox: Sandbox) -> None:
        result = run_cell_in(sandbox, "x = 3")
        assert (result.status, result.stdout) == (ExecutionStatus.OK, "")

    def test_an_indented_last_line_is_not_echoed(self, sandbox: Sandbox) -> None:
        result = run_cell_in(sandbox, "for i in range(2):\n    i")
        assert (result.status, result.stdout) == (ExecutionStatus.OK, "")

    def test_an_output_of_5_MB_is_clipped(self, sandbox: Sandbox) -> None:
        result = run_cell_in(sandbox, "print('first', '.' * 5 * 10**6, 'last')")
        assert len(result.stdout) <= 10_000
        assert result.stdout.startswith("first ")
        assert "characters cut" in result.stdout

    def test_long_output_of_a_good_cell_keeps_head_and_tail(self, sandbox: Sandbox) -> None:
        result = run_cell_in(sandbox, "print('first', '.' * 10**5, 'last')")
        assert result.status is ExecutionStatus.OK
        assert len(result.stdout) <= 10_000
        assert result.stdout.startswith("first ")
        assert result.stdout.endswith(" last\n")

    def test_a_print_flood_is_stopped(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            result = await session.execute("while True: print('x' * 9999)", HANG_GUARD_SECONDS)
            assert result.status is ExecutionStatus.OUTPUT_LIMIT
            assert len(result.stdout) <= 10_000
            await require_usable(session)

        in_session(sandbox, scenario)

    @pytest.mark.parametrize("name", ENDLESS)
    def test_endless_code_times_out(self, sandbox: Sandbox, name: str) -> None:
        async def scenario(session: Session) -> None:
            result = await session.execute("print('begun')\n" + ENDLESS[name], SHORT_SECONDS)
            assert result.status is ExecutionStatus.TIMEOUT
            assert result.error
            await require_usable(session)

        in_session(sandbox, scenario)

    def test_a_cell_that_swallows_interrupts_does_not_disturb_the_next_ones(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            await session.execute(ENDLESS["swallowed_interrupt"], SHORT_SECONDS)
            await require_usable(session)
            after = await session.execute("'clean'", HANG_GUARD_SECONDS)
            assert after.stdout == "'clean'\n"

        in_session(sandbox, scenario)

    def test_errors_are_short_texts_and_keep_variables(self, sandbox: Sandbox) -> None:
        # In one session, descriptors last: their loop leaves none for later cells.
        programs = sorted(ERRORS, key="descriptors".__eq__)
        cells = [cell for name in programs for cell in (ERRORS[name][0], "kept")]
        _, *results = run_cells(sandbox, "kept = 5", *cells)
        for name, result, after in zip(programs, results[::2], results[1::2], strict=True):
            assert result.status is ExecutionStatus.ERROR, name
            assert ERRORS[name][1] in result.error.splitlines()[-1], name
            assert len(result.error) <= 2000, name
            assert "aimo_solver" not in result.error, name
            assert after.stdout == "5\n", name

    @pytest.mark.parametrize("name", CRASHES)
    def test_a_crash_keeps_earlier_output(self, sandbox: Sandbox, name: str) -> None:
        async def scenario(session: Session) -> None:
            result = await session.execute("print('before')\n" + CRASHES[name], HANG_GUARD_SECONDS)
            assert (result.status, result.stdout) == (ExecutionStatus.DIED, "before\n")
            assert result.error
            await require_usable(session)

        in_session(sandbox, scenario)

    @pytest.mark.parametrize("code", ["[0] * 10**10", "x = [0]\nwhile True: x += x"])
    def test_too_much_memory_is_reported(self, sandbox: Sandbox, code: str) -> None:
        async def scenario(session: Session) -> None:
            result = await session.execute(code, HANG_GUARD_SECONDS)
            assert result.status is ExecutionStatus.MEMORY_LIMIT
            assert "MemoryError" in result.error
            await require_usable(session)

        in_session(sandbox, scenario)

    def test_sys_exit_keeps_output_and_variables(self, sandbox: Sandbox) -> None:
        result, after = run_cells(sandbox, "x = 5\nprint('a')\nimport sys\nsys.exit(1)", "x")
        assert (result.status, result.stdout) == (ExecutionStatus.EXIT, "a\n")
        assert after.stdout == "5\n"

    @pytest.mark.parametrize("name", ["exit_of_the_process", "null_dereference"])
    def test_variables_roll_back_when_a_cell_dies(self, sandbox: Sandbox, name: str) -> None:
        _, died, after = run_cells(sandbox, "x = [5]", "x.append(6)\n" + CRASHES[name], "x")
        assert died.status is ExecutionStatus.DIED
        assert "as they were" in died.error
        assert after.stdout == "[5]\n"

    def test_variables_roll_back_when_a_cell_must_be_killed(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            await session.execute("x = [5]", HANG_GUARD_SECONDS)
            for _ in range(2):  # The second snapshot is a fork of the first.
                code = "x.append(6)\n" + ENDLESS["c_loop_that_checks_no_signals"]
                stopped = await session.execute(code, SHORT_SECONDS)
                assert stopped.status is ExecutionStatus.TIMEOUT
                assert (await session.execute("x", HANG_GUARD_SECONDS)).stdout == "[5]\n"

        in_session(sandbox, scenario)

    def test_a_first_cell_that_dies_has_lost_nothing(self, sandbox: Sandbox) -> None:
        _, after = run_cells(sandbox, CRASHES["abort"], "'x' in globals()")
        assert (after.status, after.stdout) == (ExecutionStatus.OK, "False\n")

    def test_a_cell_that_is_tried_leaves_no_trace_in_the_variables(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            await session.execute("x = [5]", HANG_GUARD_SECONDS)
            for n in range(3):
                tried = await session.execute(f"x.append({n})\nx", HANG_GUARD_SECONDS, keep=False)
                assert (tried.status, tried.stdout) == (ExecutionStatus.OK, f"[5, {n}]\n")
            assert (await session.execute("x.append(6)\nx", HANG_GUARD_SECONDS)).stdout == "[5, 6]\n"

        in_session(sandbox, scenario)

    def test_a_first_cell_can_be_tried(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            assert (await session.execute("x = 5\nx", HANG_GUARD_SECONDS, keep=False)).stdout == "5\n"
            assert "NameError" in (await session.execute("x", HANG_GUARD_SECONDS)).error

        in_session(sandbox, scenario)

    @pytest.mark.parametrize("code", ["1 / 0", CRASHES["exit_of_the_process"], ENDLESS["loop"]])
    def test_a_cell_that_fails_when_tried_leaves_no_trace_either(self, sandbox: Sandbox, code: str) -> None:
        async def scenario(session: Session) -> None:
            await session.execute("x = [5]", HANG_GUARD_SECONDS)
            tried = await session.execute("x.append(6)\n" + code, SHORT_SECONDS, keep=False)
            assert tried.status is not ExecutionStatus.OK
            assert (await session.execute("x", HANG_GUARD_SECONDS)).stdout == "[5]\n"

        in_session(sandbox, scenario)

    def test_output_below_python_is_captured(self, sandbox: Sandbox) -> None:
        result = run_cell_in(
            sandbox, "import os\nprint(1)\nos.write(1, b'2\\n')\nos.write(2, b'3\\n')\nos.system('echo 4')\n5"
        )
        assert result.stdout == "1\n2\n3\n4\n5\n"

    def test_binary_output_and_lone_surrogates_are_replaced(self, sandbox: Sandbox) -> None:
        result = run_cell_in(sandbox, "import os\nn = os.write(1, b'\\xff\\n')\nprint(chr(0xd800))")
        assert (result.status, result.stdout) == (ExecutionStatus.OK, "\ufffd\n?\n")

    def test_code_with_a_lone_surrogate_is_an_error(self, sandbox: Sandbox) -> None:
        assert run_cell_in(sandbox, "x = '\ud800'").status is ExecutionStatus.ERROR

    def test_unicode_names_work(self, sandbox: Sandbox) -> None:
        assert run_cell_in(sandbox, "α = 3\nprint('π', α)").stdout == "π 3\n"

    def test_streams_that_a_cell_closed_are_back_in_the_next(self, sandbox: Sandbox) -> None:
        code = "import os, sys\nsys.stdout.close()\nsys.stdin.close()\nos.close(1)\nos.close(2)"
        result, after, asked = run_cells(sandbox, code, "print('back')", "input()")
        assert result.status is ExecutionStatus.OK
        assert after.stdout == "back\n"
        assert "EOFError" in asked.error

    def test_huge_integers_print(self, sandbox: Sandbox) -> None:
        assert run_cell_in(sandbox, "len(str(3**100000))").stdout == "47713\n"

    def test_the_order_of_a_set_and_random_numbers_repeat(self, sandbox: Sandbox) -> None:
        code = "import random\nprint(list({'a', 'b', 'c', 'd'}), random.random())"
        assert run_cell_in(sandbox, code).stdout == run_cell_in(sandbox, code).stdout

    def test_random_numbers_repeat_after_a_roll_back(self, sandbox: Sandbox) -> None:
        die = "import os\nrandom.random()\nos._exit(0)"
        cells = ["import random", "random.random()", die, "random.random()"]
        first, second = (run_cells(sandbox, *cells) for _ in range(2))
        assert [result.stdout for result in first] == [result.stdout for result in second]

    def test_multiprocessing_works_or_says_why_not(self, sandbox: Sandbox) -> None:
        code = "import multiprocessing\nwith multiprocessing.Pool(2) as p: print(p.map(abs, [-1, -2]))"
        result = run_cell_in(sandbox, code)
        assert result.stdout == "[1, 2]\n" or "PermissionError" in result.error

    def test_a_fork_that_returns_does_not_answer_twice(self, sandbox: Sandbox) -> None:
        result, after = run_cells(sandbox, "import os\npid = os.fork()\nif pid: os.wait()", "1")
        assert (result.status, after.stdout) == (ExecutionStatus.OK, "1\n")

    def test_printing_a_status_does_not_set_it(self, sandbox: Sandbox) -> None:
        code = "import os\nfor fd in (1, 2): os.write(fd, b'\\0\\0\\0\\x05exit\\n')\n1 / 0"
        assert run_cell_in(sandbox, code).status is ExecutionStatus.ERROR

    @pytest.mark.parametrize("what", ["write(fd, b'garbage')", "close(fd)"])
    def test_a_session_survives_meddling_with_descriptors(self, sandbox: Sandbox, what: str) -> None:
        async def scenario(session: Session) -> None:
            code = f"import os\nfor fd in range(3, 256):\n    try: os.{what}\n    except OSError: pass"
            result = await session.execute(code, HANG_GUARD_SECONDS)
            assert result.status in (ExecutionStatus.OK, ExecutionStatus.DIED)
            await require_usable(session)

        in_session(sandbox, scenario)

    @pytest.mark.parametrize(
        ("code", "timeout_seconds"),
        [(b"1", 1.0), (None, 1.0), ("1", 0), ("1", -1.0), ("1", float("nan"))],
    )
    def test_bad_arguments_are_refused(self, sandbox: Sandbox, code: str, timeout_seconds: float) -> None:
        async def scenario(session: Session) -> None:
            with pytest.raises(ValueError, match=r"must be .*, got "):
                await session.execute(code, timeout_seconds)

        in_session(sandbox, scenario)

    def test_a_closed_session_refuses_cells(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            await session.execute("1", HANG_GUARD_SECONDS)
            await session.close()
            await session.close()
            with pytest.raises(SandboxError, match="closed"):
                await session.execute("1", HANG_GUARD_SECONDS)

        in_session(sandbox, scenario)

    def test_a_closed_sandbox_opens_no_session(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            await session.execute("1", HANG_GUARD_SECONDS)
            await sandbox.close()
            await sandbox.close()
            with pytest.raises(SandboxError, match="closed"):
                await sandbox.open_session()
            with pytest.raises(SandboxError, match="closed"):
                await session.execute("1", HANG_GUARD_SECONDS)

        in_session(sandbox, scenario)

    def test_cells_of_one_session_run_one_after_another(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            results = await asyncio.gather(*(session.execute(f"x = {n}\nx", HANG_GUARD_SECONDS) for n in range(5)))
            assert [result.stdout for result in results] == [f"{n}\n" for n in range(5)]

        in_session(sandbox, scenario)

    def test_the_event_loop_keeps_running_beside_endless_code(self, sandbox: Sandbox) -> None:
        async def scenario(session: Session) -> None:
            await session.execute("1", HANG_GUARD_SECONDS)
            cell = asyncio.ensure_future(session.execute("while True: pass", SHORT_SECONDS))
            beats = 0
            while not cell.done():
                await asyncio.sleep(0.01)
                beats += 1
            assert (await cell).status is ExecutionStatus.TIMEOUT
            assert beats >= 5

        in_session(sandbox, scenario)
