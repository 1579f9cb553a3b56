"""run_cell in this process: echo by syntax tree, and the error texts a model reads."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys

import pytest

from aimo_solver.sandbox.inside.cell import CellOutcome, run_cell
from aimo_solver.sandbox.inside.error_text import clip

Namespace = dict[str, object]


def run(code: str, namespace: Namespace | None = None) -> tuple[str, CellOutcome]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        outcome = run_cell(code, {"__name__": "__main__"} if namespace is None else namespace)
    return printed.getvalue(), outcome


@pytest.mark.parametrize(
    ("code", "echo"),
    [
        ("1 + 1", "2\n"),
        ("1 + 1  # a comment", "2\n"),
        ("'text'", "'text'\n"),
        ('"""only a docstring"""', "'only a docstring'\n"),
        ("(1,\n 2)\n\n# the end", "(1, 2)\n"),
        ("x = 4; x", "4\n"),
        ("print('a')", "a\n"),
        ("None", ""),
        ("x = 5", ""),
        ("x: int = 5", ""),
        ("x = 5\nx += 1", ""),
        ("for i in range(3):\n    i", ""),
        ("if True:\n    x = 1\n    x", ""),
        ("def f():\n    return 1", ""),
        ("", ""),
        ("# nothing", ""),
        ("5;", ""),
        ("(5); # quiet", ""),
        ("5 # not; quiet", "5\n"),
        ("(';')", "';'\n"),
        ("'é'; 'é'", "'é'\n"),
    ],
)
def test_only_a_last_expression_is_echoed(code: str, echo: str) -> None:
    printed, outcome = run(code)
    assert (printed, outcome.status, outcome.error) == (echo, "ok", "")


def test_the_last_echoes_have_names() -> None:
    namespace: Namespace = {}
    for code in ("1", "x = 5", "2", "None", "3;", "3"):
        run(code, namespace)
    assert run("_, __, ___", namespace)[0] == "(3, 2, 1)\n"


def test_a_name_of_the_codes_own_is_not_taken_for_an_echo() -> None:
    namespace: Namespace = {}
    run("for _ in range(7): pass", namespace)
    run("5", namespace)
    assert run("_", namespace)[0] == "6\n"


def test_a_cell_sees_no_error_of_the_runners_own() -> None:
    assert run("%time 1\nimport sys\nsys.exc_info()")[0].endswith("(None, None, None)\n")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (
            "import nosuchmodule",
            "ModuleNotFoundError: No module named 'nosuchmodule'; these libraries can be imported: ",
        ),
        ("import IPython", "it is not needed: display, await and %time work here without it"),
        ("import sympy.nosuch", "ModuleNotFoundError: No module named 'sympy.nosuch'"),
        ("raise ModuleNotFoundError('mine')", "ModuleNotFoundError: mine"),
        ("open('/mnt/data/a', 'w')", "'/mnt/data/a'; only the current folder is yours: use a relative path"),
        ("open('missing')", "FileNotFoundError: [Errno 2] No such file or directory: 'missing'"),
        ("Out[3]", "NameError: name 'Out' is not defined; outputs have no numbers here: _ is the last one"),
        ("_1", "NameError: name '_1' is not defined; outputs have no numbers here: _ is the last one"),
        ("raise EOFError('mine')", "EOFError: mine"),
    ],
)
def test_an_error_that_comes_from_where_cells_run_names_the_cure(code: str, error: str) -> None:
    last = run(code)[1].error.splitlines()[-1]
    assert error in last
    if "; " not in error and not error.startswith("it"):
        assert last == error


def test_the_namespace_lasts() -> None:
    namespace: Namespace = {}
    run("def f(n): return n + 1", namespace)
    assert run("f(1)", namespace)[0] == "2\n"


def test_code_under_main_runs() -> None:
    assert run("if __name__ == '__main__':\n    print('main')")[0] == "main\n"


def test_the_cell_does_not_inherit_our_future_imports() -> None:
    assert run("def f(x: int): pass\nf.__annotations__['x']")[0] == "<class 'int'>\n"


def test_an_error_shows_the_cell_and_not_the_runner() -> None:
    _, outcome = run("import math\nprint(gcd(3, 4))")
    assert outcome.status == "error"
    assert outcome.error == (
        "Traceback (most recent call last):\n"
        '  File "<cell>", line 2, in <module>\n'
        "    print(gcd(3, 4))\n"
        "NameError: name 'gcd' is not defined"
    )


def test_an_error_in_a_function_of_an_earlier_cell_shows_that_cells_line() -> None:
    namespace: Namespace = {}
    run("# first\ndef f(n):\n    return 1 // n", namespace)
    assert run("f(0)", namespace)[1].error == (
        "Traceback (most recent call last):\n"
        '  File "<cell>", line 1, in <module>\n'
        "    f(0)\n"
        '  File "<cell>", line 3, in f\n'
        "    return 1 // n\n"
        "ZeroDivisionError: integer division or modulo by zero"
    )


def test_a_syntax_error_points_at_its_place() -> None:
    assert run("x = 1\nif True:\n    y = (1 +")[1].error == (
        "  File \"<cell>\", line 3\n    y = (1 +\n        ^\nSyntaxError: '(' was never closed"
    )


def test_a_recursion_shows_two_frames() -> None:
    error = run("def f(): return f()\nf()")[1].error
    assert error.count('File "<cell>"') == 2
    assert error.endswith("RecursionError: maximum recursion depth exceeded")


def test_a_deep_error_shows_six_frames() -> None:
    error = run("def f(n):\n    return 1 // n if n == 0 else f(n - 1)\nf(20)")[1].error
    assert error.count('File "<cell>"') == 6
    assert "  ... more frames ...\n" in error


def test_an_error_deep_in_a_library_shows_the_cells_own_line() -> None:
    namespace: Namespace = {"library": library_call}
    error = run("a = 1\nlibrary(9)", namespace)[1].error
    assert '  File "<cell>", line 2, in <module>\n    library(9)\n  ... more frames ...' in error
    assert error.count("  File ") == 6


def library_call(depth: int) -> None:
    if depth == 0:
        raise LookupError("deep")
    library_call(depth - 1)


def test_a_long_message_is_cut_inside() -> None:
    error = run("raise ValueError('a' * 10**6 + 'the end')")[1].error
    assert len(error) <= 2000
    assert "characters cut" in error
    assert error.endswith("the end")


def test_a_long_source_line_is_cut() -> None:
    assert len(run("f(" + "1, " * 5000 + "1)")[1].error) < 600


def test_a_chain_shows_its_last_link() -> None:
    error = run("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e")[1].error
    assert error.endswith("KeyError: 'k'")
    assert "ZeroDivisionError" not in error.splitlines()[-1]
    assert error.count("Traceback") == 1


def test_an_error_whose_str_fails_is_reported() -> None:
    code = "class E(Exception):\n    def __str__(self): raise self\nraise E"
    assert run(code)[1].error.endswith("E: <exception str() failed>")


def test_errors_of_modules_carry_their_modules_name() -> None:
    assert run("import json\njson.loads('{')")[1].error.splitlines()[-1].startswith("json.decoder.JSON")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import sys\nsys.exit()", "SystemExit"),
        ("exit()", "SystemExit"),
        ("exit(3)", "SystemExit: 3"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
    ],
)
def test_an_exit_has_its_own_status_and_says_that_the_session_goes_on(code: str, error: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        outcome = run_cell(code, {"exit": sys.exit})
    assert (outcome.status, outcome.error) == ("exit", f"{error}; the cell ended there, and the session goes on")


def test_a_memory_error_is_the_memory_limit() -> None:
    assert run("raise MemoryError")[1].status == "memory_limit"


def test_keyboard_interrupt_is_left_to_the_caller() -> None:
    with pytest.raises(KeyboardInterrupt):
        run("raise KeyboardInterrupt")


def test_code_may_clear_its_globals() -> None:
    namespace: Namespace = {}
    run("globals().clear()", namespace)
    assert run("1 / 0", namespace)[1].error.endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("length", [0, 99, 100, 101, 5000, 10**6])
def test_clip_keeps_head_and_tail_within_the_limit(length: int) -> None:
    text = "".join(chr(ord("a") + n % 26) for n in range(length))
    clipped = clip(text, 100)
    assert len(clipped) <= 100
    assert clipped[:20] == text[:20]
    assert clipped[-20:] == text[-20:]
    if length > 100:
        head, _, tail = clipped.split("\n")
        assert f"... {length - len(head) - len(tail)} characters cut ..." in clipped


def test_importing_the_runner_stays_cheap() -> None:
    code = (
        "import sys; before = set(sys.modules); import aimo_solver.sandbox.inside.cell;"
        "print(*(m for m in set(sys.modules) - before if not m.startswith('aimo_solver')))"
    )
    loaded = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) <= {"_ast", "__future__"}
