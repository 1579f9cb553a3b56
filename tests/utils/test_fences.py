"""Fenced blocks: where they begin and end, however they are written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.utils.fences import fenced_blocks


def blocks(text: str) -> list[tuple[str, str, bool]]:
    return [(block.tag, text[block.content_start : block.content_end], block.closed) for block in fenced_blocks(text)]


def test_a_block_has_a_tag_and_a_content() -> None:
    assert blocks("a\n```Python\nx\n```\nb\n~~~\ny\n~~~") == [("python", "x\n", True), ("", "y\n", True)]


def test_an_open_block_ends_where_the_next_begins_or_with_the_text() -> None:
    assert blocks("```python\nx\n```output\ny\n") == [("python", "x\n", False), ("output", "y\n", False)]


def test_words_in_backticks_are_no_block() -> None:
    assert blocks("Use ```x``` and ``` y ``` here.") == []


def test_a_word_after_a_closing_fence_is_no_tag() -> None:
    assert blocks("```python\nx\n``` done\nand") == [("python", "x\n", True)]


def test_marks_of_the_other_kind_do_not_end_a_block() -> None:
    assert blocks("~~~python\n```\n~~~") == [("python", "```\n", True)]


@given(st.text("`~ap \n>{}"))
def test_blocks_follow_one_another(text: str) -> None:
    end = 0
    for block in fenced_blocks(text):
        assert end <= block.start < block.content_start <= block.content_end <= block.end <= len(text)
        end = block.end
