"""translate: notebook syntax becomes Python on the same lines, and everything else stays as it is."""

from __future__ import annotations

import contextlib
import inspect
import io
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.sandbox.inside.cell import run_cell
from aimo_solver.sandbox.inside.notebook import translate

NOTEBOOK_LINES = (
    "%time 1",
    "%%time",
    "!ls",
    "!pip install x",
    "%matplotlib inline",
    "x?",
    "?x",
    "pip install x",
    ">>> 1",
)
HAS_SYMPY = ": nothing can be installed here; sympy can be imported already\n"
STATEMENTS = (
    "x = 3",
    "x = [1,\n  2,\n3]",
    "def f(n):\n    # a comment\n    return n + 1",
    "print(x) if 'x' in globals() else None",
    "for i in range(3):\n    print(i)\n\n    # inside\n    print('%d' % i)",
    "y = 10 \\\n% 4",
    "s = '''\n%time 1\n!ls\n  indented\n'''\nprint(repr(s))",
    's = "# no comment"  # a comment: \'',
    "# %time 1",
    "print((7\n% 4))",
    "z = f\"{'%time'}\"\nz",
    "",
)


def run(code: str) -> tuple[str, str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        outcome = run_cell(code, {"__name__": "__main__"})
    return printed.getvalue(), outcome.error


@given(st.lists(st.sampled_from(STATEMENTS)))
def test_python_stays_as_it_is(statements: list[str]) -> None:
    code = "\n".join(statements)
    assert translate(code).text == code


@given(st.lists(st.sampled_from(STATEMENTS), min_size=1), st.sampled_from(["  ", "    ", "\t"]))
def test_a_cell_that_is_indented_as_a_whole_does_what_it_does_without_its_indent(
    statements: list[str], indent: str
) -> None:
    code = "\n".join(statements)
    assert run(textwrap.indent(code, indent)) == run(code)


@given(st.text(alphabet="%!?x=('\"\\ \n#[)1", max_size=60))
def test_every_line_stays_on_its_line(code: str) -> None:
    assert translate(code).text.count("\n") == code.count("\n")


@given(st.lists(st.sampled_from(NOTEBOOK_LINES)), st.sampled_from(['"""', "'''"]))
def test_what_stands_in_a_string_is_not_touched(lines: list[str], quotes: str) -> None:
    text = "\n".join(lines)
    code = f"s = {quotes}{text}{quotes}\n!ls\nprint(len(s))"
    assert run(code)[0].splitlines()[-1] == str(len(text))


@pytest.mark.parametrize(
    "code",
    [
        "%matplotlib inline\n!ls\nx = = 1\n%time 1",
        "%%time\n\nx = = 1",
        "\n# first\nx = = 1",
        "    %time 1\n    y = 2\n    x = = 1",
        "!ls \\\n-l\nx = = 1",
    ],
)
def test_a_syntax_error_is_shown_on_its_own_line(code: str) -> None:
    assert run(code)[1] == '  File "<cell>", line 3\n    x = = 1\n        ^\nSyntaxError: invalid syntax'


def test_a_syntax_error_after_a_magic_shows_the_line_as_it_was_written() -> None:
    assert run("1\n%time x = = 3")[1] == '  File "<cell>", line 2\n    %time x = = 3\nSyntaxError: invalid syntax'


def test_a_traceback_shows_the_line_as_it_was_written() -> None:
    error = run("def f(): 1 / 0\n%time f()")[1]
    assert '  File "<cell>", line 2, in <module>\n    %time f()\n' in error
    assert "aimo_solver" not in error


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("%time sum(range(4))", "6\n"),
        ("%time x = 5\nx", "5\n"),
        ("%time x = [1,\n2]\nx", "[1, 2]\n"),
        ("%timeit -n 10 -r3 print('once')", "once\n"),
        ("%time for i in range(2): print(i)", "0\n1\n"),
        ("def f(n):\n    %time m = n + 1\n    return m\nf(1)", "2\n"),
        ("x = %time 5\nx", "5\n"),
        ("%%time\nx = 5\nx", "5\n"),
        ("# a comment\n\n%%time\n%%time\n5", "5\n"),
        ("%%timeit x = 5\nprint(x)", "5\n"),
    ],
)
def test_what_is_timed_runs_once_and_its_time_is_printed(code: str, printed: str) -> None:
    lines = run(code)[0].splitlines(keepends=True)
    assert "".join(line for line in lines if not line.startswith("Wall time: ")) == printed
    assert any(line.startswith("Wall time: ") for line in lines)


@pytest.mark.parametrize(
    "code",
    [
        "%matplotlib inline",
        "%load_ext autoreload\n%autoreload 2",
        "%config X.y = 1",
        "if True:\n    %matplotlib inline",
    ],
)
def test_magics_that_show_nothing_are_silent(code: str) -> None:
    assert run(code) == ("", "")


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("!ls -l", "!ls -l: shell commands are not run here; write it in Python\n"),
        (
            "%pip install sympy==1.2",
            "pip install sympy==1.2: nothing can be installed here; sympy can be imported already\n",
        ),
        (
            "pip install -q sympy",
            "pip install -q sympy: nothing can be installed here; sympy can be imported already\n",
        ),
        ("%%bash\nif [ x ]; then", "%%bash: a cell of this kind is not run here; write it in Python\n"),
        ("%nosuch x", "%nosuch: not known here, and skipped\n"),
        ("x.*y?", "x.*y?: not known here, and skipped\n"),
        ("nosuch?", "nosuch?: there is no such name\n"),
        ("def f(n):\n    '''Adds.'''\nf?", "f(n)\nAdds.\n"),
        ("x = [1]\nx?", "x = [1]\n" + str(inspect.getdoc([])) + "\n"),
        ("?len", "len(obj, /)\nReturn the number of items in a container.\n"),
    ],
)
def test_what_is_not_run_is_answered_in_one_line_and_the_rest_runs(code: str, printed: str) -> None:
    assert run(code) == (printed, "")
    if not code.startswith("%%"):
        assert run(f"{code}\nprint('rest')") == (f"{printed}rest\n", "")


def test_a_missing_package_is_answered_with_those_there_are() -> None:
    assert "these libraries can be imported: numpy, sympy" in run("!pip install nosuchpackage")[0]


def test_a_shell_line_in_a_block_speaks_only_where_it_is_reached() -> None:
    assert run("try:\n    import math\nexcept ImportError:\n    !pip install math\nprint(1)") == ("1\n", "")


def test_a_shell_lines_output_is_an_empty_list() -> None:
    assert run("files = !ls\nlen(files)")[0].endswith("\n0\n")


def test_prompts_and_carriage_returns_are_dropped() -> None:
    assert run(">>> x = 5\r\n>>> for i in range(2):\r\n...     print(i)\r\n>>> x\r\n") == ("0\n1\n5\n", "")
