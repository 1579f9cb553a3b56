"""Notebook cells in real sessions, where layers keep this package's files out of reach."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from aimo_solver.sandbox.base import ExecutionStatus, Session
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.sandbox_sessions import HANG_GUARD_SECONDS, in_session, run_cell_in, run_cells


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    made = ProcessSandbox()
    yield made
    asyncio.run(made.close())


@pytest.mark.parametrize(
    ("code", "last_line"),
    [
        ("!pip install sympy\nfrom sympy import prime\nprint(prime(100))", "541"),
        ("%timeit 2 ** 10\nprint(2 ** 10)", "1024"),
        ("import asyncio\nasync def f(): return await asyncio.sleep(0, 11)\nprint(await f())", "11"),
        ("import sympy\nx = sympy.Symbol('x')\ndisplay(sympy.expand((x - 2)**2))", "x**2 - 4*x + 4"),
        ("display(1, 'a', display_id=True)", "'a'"),
        ("    k = 4\n    if k:\n        print(k * 5)", "20"),
        ("    %time k = 4\n    !ls\n    k", "4"),
        ("from scipy.optimize import brentq\nround(brentq(lambda v: v - 2, 0, 5))", "2"),
        ("from scipy.special import comb\ncomb(5, 2, exact=True)", "10"),
        ("import networkx as nx\nnx.complete_graph(4).size()", "6"),
        ("with open('a.txt', 'w') as f: f.write('1 2')\nprint(open('a.txt').read())", "1 2"),
        ("%%writefile -a mine.py\nvalue = 9", "Appending to mine.py"),
        ("import os\nos.path.isabs(os.getcwd())", "True"),
    ],
)
def test_a_notebooks_cell_works(sandbox: ProcessSandbox, code: str, last_line: str) -> None:
    result = run_cell_in(sandbox, code)
    assert (result.status, result.error) == (ExecutionStatus.OK, "")
    assert result.stdout.splitlines()[-1] == last_line


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("input('n? ')", ExecutionStatus.ERROR, "there is no input here: assign the value in the code"),
        ("quit()", ExecutionStatus.EXIT, "SystemExit; the cell ended there, and the session goes on"),
        (
            "import nosuchmodule",
            ExecutionStatus.ERROR,
            "these libraries can be imported: numpy, sympy, scipy, ",
        ),
        ("open('/mnt/data/a', 'w')", ExecutionStatus.ERROR, "only the current folder is yours: use a relative path"),
        ("!ls\nif True:\n    y = (1 +", ExecutionStatus.ERROR, 'File "<cell>", line 3'),
    ],
)
def test_what_cannot_work_says_so_and_the_session_goes_on(
    sandbox: ProcessSandbox, code: str, status: ExecutionStatus, error: str
) -> None:
    _, result, after = run_cells(sandbox, "x = 5", code, "x")
    assert result.status is status
    assert error in result.error
    assert after.stdout == "5\n"


def test_a_file_that_a_cell_writes_can_be_run(sandbox: ProcessSandbox) -> None:
    assert (
        run_cells(sandbox, "%%writefile mine.py\nvalue = 9\nprint('ran')", "%run mine.py\nvalue")[1].stdout
        == "ran\n9\n"
    )


def test_pip_in_a_process_of_its_own_ends_at_once(sandbox: ProcessSandbox) -> None:
    code = (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'nosuchpackage']).returncode"
    )
    assert run_cells(sandbox, code, timeout_seconds=HANG_GUARD_SECONDS)[0].stdout.endswith("\n1\n")


def test_a_file_that_a_cell_writes_can_be_imported(sandbox: ProcessSandbox) -> None:
    assert run_cells(sandbox, "%%writefile mine.py\nvalue = 9\n", "import mine\nmine.value")[1].stdout == "9\n"


def test_a_figure_is_drawn_into_a_file_and_not_shown(sandbox: ProcessSandbox) -> None:
    draw = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('a.png')\nplt.show()"
    shown, size = run_cells(sandbox, draw, "import os\nos.path.getsize('a.png') > 1000")
    assert "cannot be shown" in shown.stdout
    assert size.stdout == "True\n"


def test_an_await_that_times_out_keeps_the_variables_and_does_not_go_on() -> None:
    sandbox = ProcessSandbox(grace_seconds=HANG_GUARD_SECONDS, preload=())

    async def scenario(session: Session) -> None:
        await session.execute("import asyncio\nx = 5", HANG_GUARD_SECONDS)
        code = "try:\n    await asyncio.sleep(1e9)\nfinally:\n    x += 1"
        result = await session.execute(code, 0.5)
        assert result.status is ExecutionStatus.TIMEOUT
        assert "kept" in result.error
        assert (await session.execute("await asyncio.sleep(0)\nx", HANG_GUARD_SECONDS)).stdout in ("5\n", "6\n")

    in_session(sandbox, scenario)
    asyncio.run(sandbox.close())


def test_a_cell_may_await(sandbox: ProcessSandbox) -> None:
    define = "import asyncio\nasync def f(n): return n + 1\nasync def g():\n    for n in range(3): yield n"
    cells = {
        "await f(1)": "2\n",
        "x = await f(2)\nx": "3\n",
        "async for n in g(): print(n)": "0\n1\n2\n",
        "[n async for n in g()]": "[0, 1, 2]\n",
        "async with asyncio.timeout(9): print(await f(3))": "4\n",
        "asyncio.run(f(4))": "5\n",
        "%time await f(5)": "6\n",
        "await f(6);": "",
    }
    _, *results = run_cells(sandbox, define, *cells)
    assert [result.stdout.partition("Wall time: ")[2].partition("\n")[2] or result.stdout for result in results] == [
        *cells.values()
    ]


def test_a_task_that_one_cell_begins_can_be_awaited_in_a_later_one(sandbox: ProcessSandbox) -> None:
    begin = "import asyncio\nt = asyncio.create_task(asyncio.sleep(0, 5)); await asyncio.sleep(0)"
    assert run_cells(sandbox, begin, "await t")[1].stdout == "5\n"


def test_an_error_in_an_awaiting_cell_shows_the_cell_alone(sandbox: ProcessSandbox) -> None:
    assert run_cell_in(sandbox, "async def f():\n    1 / 0\nawait f()").error == (
        "Traceback (most recent call last):\n"
        '  File "<cell>", line 3, in <module>\n'
        "    await f()\n"
        '  File "<cell>", line 2, in f\n'
        "    1 / 0\n"
        "ZeroDivisionError: division by zero"
    )


def test_awaiting_goes_on_after_a_roll_back(sandbox: ProcessSandbox) -> None:
    cells = ["import asyncio, os\nawait asyncio.sleep(0.01, 1)", "os._exit(0)", "await asyncio.sleep(0.01, 2)"]
    assert [result.stdout for result in run_cells(sandbox, *cells)] == ["1\n", "", "2\n"]
