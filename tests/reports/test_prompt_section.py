"""The prompt in a report: the texts that the run's settings hold."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from aimo_solver.config.names import Effort
from aimo_solver.config.prompt_settings import PromptExample
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.reports.html_report import render_report
from aimo_solver.reports.prompt_section import prompt_facts
from aimo_solver.runs.reader import LoggedRun, read_run
from aimo_solver.runs.writer import RunFolder
from tests.helpers.examples import rollouts, solution

PROMPT = Prompt(
    system="Box <b>it</b>.",
    tool="Runs code.",
    before_problem="Solve: ",
    effort=Effort.LOW,
    examples=(PromptExample(problem="1 + 1?", solution="2"),),
)


def logged(folder: Path, **settings: object) -> LoggedRun:
    with RunFolder(folder / "run", settings) as run:
        run.add(solution(rollouts(42, 42)))
    return read_run(folder / "run")


def test_every_text_of_the_prompt_is_shown(tmp_path: Path) -> None:
    run = logged(tmp_path, prompt=asdict(PROMPT), dialect_reason="its template says so")
    assert prompt_facts(run) == {
        "texts": [
            ("system", "Box <b>it</b>."),
            ("tool", "Runs code."),
            ("effort", "low"),
            ("example", "Solve: 1 + 1?\n\n2"),
            ("user", "Solve: (the problem)"),
        ],
        "tokens": (5, 5),
        "reason": "its template says so",
    }
    page = render_report([run])
    assert "Box &lt;b&gt;it&lt;/b&gt;." in page
    assert "The prompt: 5 to 5 tokens with the problem" in page


def test_a_run_of_an_older_version_has_no_prompt_to_show(tmp_path: Path) -> None:
    run = logged(tmp_path)
    assert prompt_facts(run) is None
    assert "The prompt" not in render_report([run])
