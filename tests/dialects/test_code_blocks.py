"""Code blocks: fences as models write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.code_blocks import dedented, last_python_block, unfenced
from aimo_solver.dialects.numina import NUMINA

CODE = "n = 6\nprint(n * 7)"
BLOCKS = {
    "as documented": f"```python\n{CODE}\n```\n",
    "a space after the tag": f"```python \n{CODE}\n```\n",
    "a space before the tag": f"``` python\n{CODE}\n```\n",
    "py": f"```py\n{CODE}\n```\n",
    "upper case and a version": f"```Python3\n{CODE}\n```\n",
    "braces": f"```{{python}}\n{CODE}\n```\n",
    "tildes": f"~~~python\n{CODE}\n~~~\n",
    "four backticks": f"````python\n{CODE}\n````\n",
    "closed on the code's line": f"```python\n{CODE}```\n",
    "closed with words after it": f"```python\n{CODE}\n``` which prints\n",
    "opened after words": f"Then: ```python\n{CODE}\n```\n",
    "never closed": f"```python\n{CODE}\n",
    "indented as a whole": "   ```python\n   n = 6\n   print(n * 7)\n   ```\n",
    "code indented as a whole": "```python\n   n = 6\n   print(n * 7)\n```\n",
    "another block after it": f"```python\n{CODE}\n```\nIt should print\n```text\n42\n```\n",
    "another program before it": f"```python\nn = 5\n```\nBetter:\n```python\n{CODE}\n```\n",
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_python_block_is_found(block: str, line_end: str) -> None:
    turn = "First.\n\n" + block.replace("\n", line_end) + "```output\n"
    assert NUMINA.find_code(turn) == Call(code=CODE)


@pytest.mark.parametrize("text", ["", "```\nx\n```", "```text\nx\n```", "```pyramid\nx\n```", "`python`\nx"])
def test_anything_else_is_no_python_block(text: str) -> None:
    assert last_python_block(text) is None


def test_backticks_in_a_line_of_code_do_not_end_its_block() -> None:
    assert last_python_block('```python\nprint("```", 1)\nx = "``"\n```') == 'print("```", 1)\nx = "``"'


def test_a_fence_within_a_line_of_an_open_block_begins_another() -> None:
    assert last_python_block("```python\nfor n ```python\nprint(42)\n```") == "print(42)"


def test_a_damaged_fence_never_makes_an_empty_program() -> None:
    assert last_python_block("```python\n```pythonprint(42)\n```") == "```pythonprint(42)"


def test_an_indent_inside_the_code_stays() -> None:
    assert dedented("  if x:\n      y\n  z") == "if x:\n    y\nz"
    assert dedented("if x:\n    y") == "if x:\n    y"
    assert dedented("\n\n    x\n    y\n") == "\n\nx\ny\n"


def test_only_one_whole_block_loses_its_fences() -> None:
    assert unfenced("```\nx\n```") == "x"
    assert unfenced("```\nx\n```\nand\n```\ny\n```") == "```\nx\n```\nand\n```\ny\n```"


@given(st.text())
def test_no_text_raises(text: str) -> None:
    last_python_block(text)
    unfenced(text)
    dedented(text)
