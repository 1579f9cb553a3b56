"""The `aimo sandbox` commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aimo_solver.cli.main import app
from aimo_solver.sandbox.inside.layers import LAYERS


def test_probe_says_of_every_layer_whether_it_holds() -> None:
    result = CliRunner().invoke(app, ["sandbox", "probe", "--json"])
    assert result.exit_code == 0
    assert tuple(json.loads(result.stdout)) == LAYERS


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "marked.py").write_text("print(6 * 7)", encoding="utf-8-sig")
    done = CliRunner().invoke(app, ["sandbox", "run", str(tmp_path / "marked.py")])
    assert done.exit_code == 0
    assert "42" in done.stdout


def test_files_are_cells_of_one_session(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text("x = 6\nprint('a')")
    second.write_text("x * 7")
    result = CliRunner().invoke(app, ["sandbox", "run", str(first), str(second), "--json"])
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["status"], row["stdout"]) for row in rows] == [("ok", "a\n"), ("ok", "42\n")]
    assert {"error", "seconds", "cpu_seconds", "peak_bytes", "layers"} <= rows[0].keys()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.py"], "missing.py: cannot be read"),
        (["--timeout", "0", "good.py"], "timeout must be above 0"),
        (["--timeout", "inf", "good.py"], "timeout must be above 0"),
        (["--timeout", "nan", "good.py"], "timeout must be above 0"),
        (["--timeout", "1e300", "good.py"], "at most 86,400 seconds"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.py").write_text("1")
    result = CliRunner().invoke(app, ["sandbox", "run", *arguments])
    assert result.exit_code != 0
    assert sentence in result.output.replace("\n", " ")
    assert "Traceback" not in result.output
