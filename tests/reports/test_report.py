"""The HTML report: opens in a browser without errors or network, and lets no text become markup."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.reports.glossary import GLOSSARY
from aimo_solver.reports.html_report import render_report, write_report
from aimo_solver.reports.inspect_export import inspect_samples
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.runs.reader import read_run
from aimo_solver.runs.writer import RunFolder
from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.solver.solution import Solution
from tests.helpers.browser import CHROMIUM, Browser, open_browser
from tests.helpers.examples import rollouts, solution, trajectory

ATTACK = "</script><script>window.attacked=1</script><img src=x onerror='window.attacked=1'>"
MAX_BYTES = 30e6
PROBLEMS = {
    "p<1>": Problem(
        "p<1>",
        rf"Find $\frac{{1}}{{2}}+x^2$. {ATTACK} $\text{{{ATTACK}}}$",
        42,
        source=ATTACK,
        level=4,
        set=f"set {ATTACK}",
    ),
    "p2": Problem(
        "p2", "What is $6 \\times 7$?", 42, source="MATH test, algebra/2.json (Algebra)", level=5, set="math"
    ),
    "p3": Problem("p3", "No rollout answers this.", 42, source="AIME I 2022, Problem 3", level=None, set="aime"),
}


CODE = f"print('{ATTACK}')"
CALL = Turn(
    f"{ATTACK}\n```python\n{CODE}\n```\n",
    9,
    1.0,
    code=CODE,
    output=ATTACK,
    status=ExecutionStatus.ERROR,
    code_seconds=0.5,
)
FLUSH = Turn(ATTACK, 5, 1.0, flush=True)
ATTEMPTS = {
    "p<1>": [trajectory(42, 0, turns=(CALL, FLUSH), problem_id="p<1>")],
    "p2": [trajectory(answer, n, problem_id="p2") for n, answer in enumerate((42, 42, 7))],
    "p3": [trajectory(None, 0, stop_reason=StopReason.CANCELLED, problem_id="p3")],
}


def solved(problem: Problem, attempts: Sequence[Trajectory], run: int, started_seconds: float) -> Solution:
    made = solution([replace(attempt, run=run) for attempt in attempts], problem_id=problem.id, run=run)
    return replace(made, problem=problem, stop=ATTACK, started_seconds=started_seconds)


def write_run(path: Path, runs: int = 2) -> Path:
    """Three problems: attacked, contested, without an answer."""
    settings = {"seed": 3, "model": ATTACK, "preset": {"dialect": "numina"}}
    with RunFolder(path, settings, tuple(PROBLEMS.values())) as folder:
        for run in range(runs):
            for number, problem in enumerate(PROBLEMS.values()):
                folder.add(solved(problem, ATTEMPTS[problem.id], run, 3.0 * number))
        folder.finish({})
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    write_report([read_run(write_run(place / "run"))], place / "report.html")
    return place / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    with open_browser() as opened:
        yield opened


def test_it_opens_without_errors_and_asks_the_network_for_nothing(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.wait_for("document.body.dataset.drawn")
    assert browser.errors == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert browser.evaluate("document.querySelectorAll('.chart .main-svg').length") >= 4
    assert browser.evaluate("document.querySelector('.tiles dd').textContent") == "4 / 6"


def test_a_model_that_prints_script_runs_nothing(browser: Browser, report: Path) -> None:
    for number in range(len(PROBLEMS)):
        browser.open(report, f"#p={number}")
        browser.wait_for("!document.getElementById('problem').hidden")
        browser.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        browser.wait_for("document.querySelectorAll('details.rollout:not([open])').length === 0")
        time.sleep(0.1)  # The attack would be another task of the page.
        assert browser.evaluate("window.attacked") is None
        assert browser.evaluate("document.querySelectorAll('img').length") == 0
        assert browser.errors == []
    browser.open(report, "#p=0")
    browser.wait_for("document.getElementById('problem').innerText.includes('rollout 0')")
    text = browser.evaluate("document.body.innerText")
    assert text.count("<img src=x onerror") >= 4  # It is shown as what it is.
    assert browser.evaluate("document.querySelectorAll('.statement math').length") >= 1


def test_search_and_filter_find_problems(browser: Browser, report: Path) -> None:
    browser.open(report)
    shown = "[...document.querySelectorAll('#index tbody th')].map((entry) => entry.textContent).join()"

    def set_value(id: str, value: str) -> None:
        browser.evaluate(f"document.getElementById('{id}').value = {value!r}")
        browser.evaluate(f"document.getElementById('{id}').dispatchEvent(new Event('input'))")

    assert browser.evaluate(shown) == "p<1>,p2,p3"
    set_value("search", "algebra")
    assert browser.evaluate(shown) == "p2"
    set_value("search", "")
    for value, found in (("contested", "p2"), ("silent", "p3"), ("wrong", "p3"), ("right", "p<1>,p2"), ("mixed", "")):
        set_value("filter", value)
        assert browser.evaluate(shown) == found, value
    assert browser.evaluate("document.getElementById('found').textContent") == "0 of 3"


def test_keys_go_from_problem_to_problem(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.wait_for("document.body.dataset.drawn")  # On a busy machine a key may come before the page listens.
    browser.press("/")
    browser.wait_for("document.activeElement.id === 'search'")
    browser.press("Enter")
    heading = "(document.querySelector('#problem h2') || {}).textContent"
    browser.wait_for(f"{heading} === 'p<1>'")
    browser.press("j")
    browser.wait_for(f"{heading} === 'p2'")
    browser.press("k")
    browser.wait_for(f"{heading} === 'p<1>'")
    browser.press("Escape")
    browser.wait_for("!document.getElementById('overview').hidden")


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_in_light_and_dark(browser: Browser, report: Path, dark: bool) -> None:
    for fragment in ("", "#p=0"):
        browser.open(report, fragment, width=390, height=800, dark=dark)
        browser.wait_for("document.body.dataset.drawn")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    light = browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light is not dark


def test_thousands_of_problems_weigh_little(browser: Browser, tmp_path: Path) -> None:
    text = "Let $x$ be an integer with $x^2 = 16$. " * 10
    turns = (Turn("Some words about it, again and again, with numbers 12345. " * 20, 300, 1.0),)
    with RunFolder(tmp_path / "run", {}) as folder:
        for number in range(1700):
            id = f"p{number}"
            attempts = [trajectory(n, n, turns=turns, problem_id=id) for n in range(4)]
            folder.add(solved(Problem(id, text, 1), attempts, 0, 2.0 * number))
    report = tmp_path / "report.html"
    write_report([read_run(tmp_path / "run")], report)
    assert report.stat().st_size < MAX_BYTES
    browser.open(report)
    assert browser.evaluate("document.getElementById('found').textContent") == "1700 of 1700"
    assert not browser.evaluate("document.getElementById('more').hidden")


def test_special_tokens_are_hidden_until_asked_for(browser: Browser, tmp_path: Path) -> None:
    turn = Turn("<think>$x^2$</think> So $\\boxed{42}$.<|im_end|>", 9, 1.0)
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42, turns=(turn,))]))
    write_report([read_run(tmp_path / "run")], tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "#p=0")
    browser.wait_for("document.querySelectorAll('.said math').length === 2")
    text = "document.getElementById('problem').innerText"
    assert "<|im_end|>" not in browser.evaluate(text) and "<think>" in browser.evaluate(text)
    browser.evaluate("document.getElementById('tokens').click()")
    assert "<|im_end|>" in browser.evaluate(text)
    assert browser.errors == []


def test_words_explain_themselves_and_counts_are_grammatical(browser: Browser, report: Path) -> None:
    browser.open(report, "#p=0")
    browser.wait_for("document.querySelectorAll('#problem details.rollout[open] .said').length")
    words = "[...document.querySelectorAll('{} abbr[title]')].map((word) => word.textContent)"
    assert {"majority", "pass@1", "contested", "maj@k"} <= set(browser.evaluate(words.format("#overview")))
    assert {"answered", "flushed", "error", "special tokens"} <= set(browser.evaluate(words.format("#problem")))
    assert "14 tokens · 1 code call ·" in browser.evaluate("document.querySelector('.rollout summary').textContent")


# Without a browser


def test_every_end_of_a_rollout_and_of_code_is_explained() -> None:
    assert {*map(str, StopReason), *map(str, ExecutionStatus)} <= GLOSSARY.keys()
    assert all(text.endswith(".") for text in GLOSSARY.values())


def test_votes_by_a_flush_are_shown_by_what_came_before_and_how_many_are_right(tmp_path: Path) -> None:
    own_end = replace(trajectory(7, 0, stop_reason=StopReason.FLUSHED, turns=(FLUSH,)), ended_itself=True)
    cut = [trajectory(42, n, stop_reason=StopReason.FLUSHED, turns=(FLUSH,)) for n in (1, 2)]
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([own_end, *cut]))
    page = re.sub(r"<[^>]+>", "", render_report([read_run(tmp_path / "run")]))
    assert "votes by a flush after the model&#39;s own end1 / 1 0 of 1 right" in page
    assert "votes by a flush after a cut2 / 2 2 of 2 right" in page
    said = CliRunner().invoke(cli.app, ["report", str(tmp_path / "run")]).output
    assert "3 votes by a flush: after the model's own end 1 of 1 asked, 0 of 1 right; after a cut 2 of 2" in said


def test_an_empty_code_block_is_reported(tmp_path: Path) -> None:
    empty = Turn("```python\n\n```\n", 3, 1.0, code="\n", output="", status=ExecutionStatus.OK)
    with RunFolder(tmp_path / "run", {}) as folder:
        folder.add(solution([trajectory(42, 0, turns=(empty,))]))
    assert "p1" in render_report([read_run(tmp_path / "run")])


def test_several_folders_make_one_report(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / name, runs=1)) for name in ("one", "two")]
    page = render_report(runs)
    assert page.count('class="run"') == 2 and page.count('type="text/plain" id="p') == 3 + 1  # And Plotly.


def test_a_run_without_answers_is_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", {}, tuple(PROBLEMS.values())):
        pass
    with pytest.raises(InputError, match="no problem has been answered yet; there is nothing to report"):
        write_report([read_run(tmp_path / "run")], tmp_path / "report.html")


def test_the_commands_write_and_compare(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_run(tmp_path / name)
    ran = CliRunner().invoke(cli.app, ["report", str(tmp_path / "one"), str(tmp_path / "none")])
    assert ran.exit_code == 1 and "left out" in ran.output and (tmp_path / "one/report.html").exists()
    ran = CliRunner().invoke(cli.app, ["compare", str(tmp_path / "one"), str(tmp_path / "two")])
    assert ran.exit_code == 0 and "No difference" in ran.output


def test_a_rollout_is_an_epoch_of_inspects_sample(tmp_path: Path) -> None:
    samples = list(inspect_samples(read_run(write_run(tmp_path / "run"))))
    assert [(s["id"], s["epoch"]) for s in samples if s["id"] == "p2"] == [("p2", n) for n in range(1, 7)]
    (first, *_) = (s for s in samples if s["id"] == "p<1>")
    assert [m["role"] for m in first["messages"]] == ["user", "assistant", "user", "assistant"]
    assert (first["scores"]["answer"]["value"], first["target"]) == ("C", "42")


@pytest.mark.parametrize("command", ["report", "compare", "export"])
def test_help_has_an_example(command: str) -> None:
    ran = CliRunner().invoke(cli.app, [command, "--help"])
    assert ran.exit_code == 0 and "Example: aimo" in ran.output


def test_polars_opens_the_rollouts_as_documented(tmp_path: Path) -> None:
    frame = pl.read_ndjson(write_run(tmp_path / "run") / "trajectories.jsonl")
    assert {"version", "problem_id", "run", "rollout", "seed", "answer", "stop_reason", "turns"} <= set(frame.columns)
    assert rollouts(1)[0].key == (0, "p1", 0)
