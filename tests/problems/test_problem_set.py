"""Problem files: what is read, and the sentence that refuses each bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import ANY_INTEGER, Problem
from aimo_solver.problems.problem_set import ProblemSet, load_problem_set
from tests.helpers.contests import AIMO3

GOOD = '{"id": "a", "problem": "1 + 1?", "answer": 2}'
LATEX = 'Let $\\alpha \\le "π"$,\nand $x_{1} \\ne \\text{Gauß}$.'


def load(folder: Path, text: str | bytes, name: str = "set.jsonl") -> ProblemSet:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_problem_set(path)


def refusal(folder: Path, text: str | bytes, name: str = "set.jsonl") -> str:
    with pytest.raises(InputError) as caught:
        load(folder, text, name)
    sentence = str(caught.value)
    assert sentence.startswith(str(folder / name))
    assert "\n" not in sentence
    return sentence.removeprefix(str(folder / name))


def row(**values: Any) -> str:
    return json.dumps({"id": "a", "problem": "1 + 1?"} | values)


# Good files


def test_json_lines_are_read_in_order(tmp_path: Path) -> None:
    text = f'{GOOD}\n{{"id": "b", "problem": "2 + 2?", "source": "school", "level": 1}}\n'
    assert load(tmp_path, text).problems == (
        Problem("a", "1 + 1?", 2),
        Problem("b", "2 + 2?", None, source="school", level=1),
    )


def test_a_set_is_named_after_its_file(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD, "aime.jsonl").name == "aime"


@pytest.mark.parametrize("text", [f"\n{GOOD}\n\n", f"{GOOD}\r\n", f"\ufeff{GOOD}"], ids=["blank", "crlf", "bom"])
def test_line_ends_blank_lines_and_a_byte_order_mark_are_no_matter(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).problems == (Problem("a", "1 + 1?", 2),)


def test_a_line_separator_inside_a_statement_ends_no_line(tmp_path: Path) -> None:
    statement = "one\u2028two"
    line = json.dumps({"id": "a", "problem": statement}, ensure_ascii=False)
    assert load(tmp_path, line).problems[0].text == statement


def test_a_whole_number_as_id_is_a_name(tmp_path: Path) -> None:
    assert load(tmp_path, row(id=17)).problems[0].id == "17"


@pytest.mark.parametrize(("written", "gold"), [("42", 42), (42.0, 42), (-7, -7), (None, None), ("007", 7)])
def test_gold_answers_may_be_written_as_text_or_float(tmp_path: Path, written: object, gold: int | None) -> None:
    assert load(tmp_path, row(answer=written)).problems[0].gold == gold


def test_csv_statements_hold_quotes_newlines_and_latex(tmp_path: Path) -> None:
    quoted = LATEX.replace('"', '""')
    problems = load(tmp_path, f'id,problem,answer\na,"{quoted}",5\nb,plain,\n', "set.csv").problems
    assert problems == (Problem("a", LATEX, 5), Problem("b", "plain"))


@pytest.mark.parametrize("text", ["id,problem\r\na,x\r\n", "\ufeffid,problem\na,x\n"], ids=["crlf", "bom"])
def test_csv_from_a_spreadsheet_is_read(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text, "set.CSV").problems == (Problem("a", "x"),)


def test_csv_fields_may_be_long(tmp_path: Path) -> None:
    assert len(load(tmp_path, "id,problem\na," + "x" * 200_000, "set.csv").problems[0].text) == 200_000


def test_golds_outside_the_rule_are_kept_and_counted(tmp_path: Path) -> None:
    problems = load(tmp_path, "\n".join(row(id=str(gold), answer=gold) for gold in (5, -1, 100_000, 99_999)))
    assert len(problems.problems) == 4
    assert problems.golds_outside(AIMO3) == 2
    assert problems.golds_outside(ANY_INTEGER) == 0


# Bad files


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl: no such file; give a \.jsonl or \.csv file"):
        load_problem_set(tmp_path / "none.jsonl")


def test_a_folder_is_not_a_problem_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; give"):
        load_problem_set(tmp_path)


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be read"):
        load_problem_set(tmp_path / "file" / "set.jsonl")


@pytest.mark.parametrize(
    ("name", "text"), [("a.jsonl", ""), ("b.jsonl", "\n \n"), ("c.csv", ""), ("d.csv", "id,problem\n")]
)
def test_an_empty_file_holds_no_problems(tmp_path: Path, name: str, text: str) -> None:
    assert refusal(tmp_path, text, name).startswith(": holds no problems; expected")


def test_another_encoding_is_refused_with_its_cure(tmp_path: Path) -> None:
    assert refusal(tmp_path, GOOD.encode("utf-16")) == ": not UTF-8 text (byte 0); save it as UTF-8"


def test_a_malformed_line_is_numbered(tmp_path: Path) -> None:
    assert refusal(tmp_path, f'{GOOD}\n\n{{"id": "b", \n').startswith(", line 3: not JSON (")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"answer": ' + "9" * 5000 + "}"], ids=["deep", "long number"])
def test_json_that_overwhelms_the_parser_is_no_traceback(tmp_path: Path, line: str) -> None:
    assert refusal(tmp_path, line).startswith(", line 1: not JSON (")


def test_a_line_must_be_an_object(tmp_path: Path) -> None:
    assert refusal(tmp_path, f"{GOOD}\n[1]") == ", line 2: must be a JSON object, got list"


def test_a_json_array_of_problems_is_refused(tmp_path: Path) -> None:
    assert "line 1: must be a JSON object, got list" in refusal(tmp_path, f"[{GOOD}]")


def test_duplicate_ids_are_named_with_the_second_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, f"{GOOD}\n{GOOD}") == ", line 2: id 'a' is used twice; give every problem its own id"


def test_a_number_and_its_text_are_the_same_id(tmp_path: Path) -> None:
    assert "id '1' is used twice" in refusal(tmp_path, f"{row(id=1)}\n{row(id='1')}")


@pytest.mark.parametrize("identifier", [None, "", True, 1.5, ["a"]])
def test_an_id_must_be_a_name(tmp_path: Path, identifier: object) -> None:
    assert refusal(tmp_path, row(id=identifier)).startswith(", line 1: id must be a non-empty string, got ")


@pytest.mark.parametrize("text", [None, "", " \n", 5])
def test_a_problem_must_be_a_statement(tmp_path: Path, text: object) -> None:
    assert refusal(tmp_path, row(problem=text)).startswith(", line 1: problem must be a non-empty string, got ")


@pytest.mark.parametrize("answer", ["1_000", "forty", "", "4.5", 4.5, float("inf"), float("nan"), True, [42]])
def test_an_answer_must_be_an_integer(tmp_path: Path, answer: object) -> None:
    assert refusal(tmp_path, row(answer=answer)).startswith(", line 1: answer must be an integer, got ")


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    """No tokenizer and no parquet file takes a lone surrogate, and both come hours later."""
    assert ", line 1: holds half a character" in refusal(tmp_path, r'{"id": "a", "problem": "\ud835"}')


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,1 + 1?\nb,2 + 2?", ", line 1: has the columns a, 1 + 1?; expected id, problem and perhaps answer"),
        ("id,problem\na,x\nb,x,y\n", ", line 3: has more fields than the header"),
        ('id,problem\na,"x\n', ": not CSV ("),
        ("id,problem\na\n", ", line 2: problem must be a non-empty string, got None"),
        ("id,problem\na,x\na,y\n", ", line 3: id 'a' is used twice"),
        ("id,problem,answer\na,x,1_0\n", ", line 2: answer must be an integer, got '1_0'"),
    ],
    ids=["no header", "more fields", "open quote", "fewer fields", "duplicate", "answer"],
)
def test_a_bad_csv_is_refused_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, text, "set.csv")
