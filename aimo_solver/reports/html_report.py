"""The HTML report of one or more run folders: a single file that needs no network.

Guarantees: nothing that a model or a problem file wrote becomes markup; it enters the page as text, or
as HTML that was escaped here. Rollouts are stored compressed and unpacked when they are looked at, so
that a report over thousands of problems opens at once.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import statistics
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.reports import charts
from aimo_solver.reports.glossary import GLOSSARY
from aimo_solver.reports.metrics import curve, groups, spread_over_runs
from aimo_solver.reports.prompt_section import prompt_facts
from aimo_solver.reports.tables import percent
from aimo_solver.reports.text_html import rollout_html, statement_html
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.runs.reader import LoggedRun
from aimo_solver.runs.summary import summarise
from aimo_solver.solver.solution import Solution
from aimo_solver.utils.files import write_text
from aimo_solver.utils.text import plural
from aimo_solver.voting.selection import Selection

_HERE: Final = Path(__file__).parent / "templates"
_MAX_TIMELINES: Final = 12
_MAX_EXCERPT_CHARS: Final = 160
_MAX_HIGHLIGHTED_CHARS: Final = 20_000
_OPENED_FENCE: Final = re.compile(r"```\w*\s*$")
"""What is left of a code block in the text before its code."""


def write_report(runs: Sequence[LoggedRun], path: Path) -> None:
    """Writes the page. Raises InputError when there is nothing to report, or the file cannot be written."""
    if not any(run.solutions for run in runs):
        raise InputError(f"{runs[0].path}: no problem has been answered yet; there is nothing to report")
    write_text(path, render_report(runs))


def render_report(runs: Sequence[LoggedRun]) -> str:
    """Returns the page."""
    members = _by_problem(runs)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True)
    filters: dict[str, Any] = {"percent": partial(percent, interval_digits=1), "plural": plural, "term": _term}
    environment.filters.update(filters)  # pyright: ignore[reportUnknownMemberType]  # Jinja does not say
    template = environment.get_template("report.html.j2")
    return template.render(
        title=", ".join(run.name for run in runs),
        runs=[_run_facts(run) for run in runs],
        groups=[(run.name, groups(run.solutions)) for run in runs],
        index=_script_json([_index_row(place, mine) for place, mine in enumerate(members.values())]),
        charts=_script_json(_charts(runs)),
        glossary=_script_json(GLOSSARY),
        timelines=[(name, _packed(chart)) for name, chart in _timelines(runs)],
        problems=[_packed(_problem_page(mine)) for mine in members.values()],
        plotly=_packed_text(get_plotlyjs()),
        css=(_HERE / "report.css").read_text(encoding="utf-8"),
        js=(_HERE / "report.js").read_text(encoding="utf-8"),
    )


def _by_problem(runs: Sequence[LoggedRun]) -> dict[str, list[tuple[LoggedRun, Solution]]]:
    """Returns the answers to each problem, in the order of the problem sets."""
    members: dict[str, list[tuple[LoggedRun, Solution]]] = {p.id: [] for run in runs for p in run.problems}
    for run in runs:
        for solution in run.solutions:
            members[solution.problem.id].append((run, solution))
    return {id: mine for id, mine in members.items() if mine}


def _run_facts(run: LoggedRun) -> dict[str, Any]:
    summary, spread = summarise(run.solutions), spread_over_runs(run.solutions)
    trajectories = [trajectory for solution in run.solutions for trajectory in solution.trajectories]
    finished = [t for t in trajectories if t.stop_reason is not StopReason.CANCELLED]
    preset = run.settings.get("preset", {})
    return {
        "name": run.name,
        "notes": run.notes,
        "prompt": prompt_facts(run),
        "summary": summary,
        "flushes": (("the model's own end", summary.flushes.after_end), ("a cut", summary.flushes.after_cut)),
        "spread": spread if spread.correct else None,
        "no_answer": sum(t.answer is None for t in finished) / len(finished) if finished else 0.0,
        "contested": summary.contested / len(run.solutions) if run.solutions else 0.0,
        "rollout_tokens": sum(t.tokens for t in finished) / len(finished) if finished else 0.0,
        "rollout_calls": sum(t.code_calls for t in finished) / len(finished) if finished else 0.0,
        "model": run.settings.get("model", "?"),
        "policy": preset.get("policy", {}).get("name", "?"),
        "dialect": preset.get("dialect", "?"),
        "temperature": preset.get("rollout", {}).get("temperature", "?"),
        "seed": run.settings.get("seed", "?"),
        "finished": (run.path / "summary.json").exists(),
    }


def _charts(runs: Sequence[LoggedRun]) -> dict[str, Any]:
    solutions = [solution for run in runs for solution in run.solutions]
    curves = [(run.name, curve(run.solutions)) for run in runs]
    found = {
        "margins": charts.margin_chart(solutions),
        "lengths": charts.length_chart(solutions),
    }
    if any(points for _, points in curves):
        found["curve"] = charts.curve_chart([(name, points) for name, points in curves if points])
    return {name: charts.chart_json(figure) for name, figure in found.items()}


def _timelines(runs: Sequence[LoggedRun]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for run in runs:
        for number in sorted({solution.run for solution in run.solutions}):
            if len(found) < _MAX_TIMELINES:
                mine = [solution for solution in run.solutions if solution.run == number]
                name = f"{run.name}, run {number + 1}"
                found.append((name, charts.chart_json(charts.timeline_chart(mine))))
    return found


def _index_row(place: int, members: Sequence[tuple[LoggedRun, Solution]]) -> dict[str, Any]:
    problem, solutions = members[0][1].problem, [solution for _, solution in members]
    judged = [solution for solution in solutions if solution.correct is not None]
    return {
        "n": place,
        "id": problem.id,
        "set": problem.set or "",
        "family": problem.family,
        "level": problem.level,
        "gold": None if problem.gold is None else str(problem.gold),
        "answer": str(solutions[0].answer),
        "right": sum(bool(solution.correct) for solution in judged),
        "judged": len(judged),
        "asked": len(solutions),
        "contested": sum(solution.vote.contested for solution in solutions),
        "silent": sum(solution.vote.answer is None for solution in solutions),
        "tokens": sum(solution.tokens for solution in solutions),
        "seconds": round(sum(solution.seconds for solution in solutions), 1),
        "text": problem.text[:_MAX_EXCERPT_CHARS],
    }


def _problem_page(members: Sequence[tuple[LoggedRun, Solution]]) -> dict[str, Any]:
    problem: Problem = members[0][1].problem
    return {
        "statement": statement_html(problem.text) or "<em>the statement is not in the run folder</em>",
        "source": problem.source,
        "entries": [_entry(run, solution) for run, solution in members],
    }


def _entry(run: LoggedRun, solution: Solution) -> dict[str, Any]:
    return {
        "run": f"{run.name}, run {solution.run + 1}",
        "answer": str(solution.answer),
        "correct": solution.correct,
        "votes": [[str(answer), weight] for answer, weight in solution.vote.tally],
        "seconds": round(solution.seconds, 2),
        "granted": round(solution.grant.seconds, 1),
        "stop": solution.stop if solution.selection is None else f"{solution.stop}; {_judged(solution.selection)}",
        "rollouts": [_rollout(t, solution.problem.gold) for t in solution.trajectories],
    }


def _rollout(trajectory: Trajectory, gold: int | None) -> dict[str, Any]:
    return {
        "n": trajectory.rollout,
        "kind": charts.kind(trajectory, gold),
        "own_end": trajectory.ended_itself,
        "answer": None if trajectory.answer is None else str(trajectory.answer),
        "stop": trajectory.stop_reason,
        "tokens": trajectory.tokens,
        "calls": trajectory.code_calls,
        "seconds": round(trajectory.seconds, 2),
        "seed": trajectory.seed,
        "entropy": _entropy(trajectory),
        "turns": [_turn(turn) for turn in trajectory.turns],
    }


def _turn(turn: Turn) -> dict[str, Any]:
    text = _before_code(turn.text, (turn.code or "").strip("\n"))
    row: dict[str, Any] = {"text": rollout_html(text.strip())}
    if turn.flush:
        row["flush"] = True
    if turn.code is not None:
        row |= {"code": _highlighted(turn.code), "output": turn.output or "", "status": turn.status}
        row["code_seconds"] = round(turn.code_seconds, 2)
    elif turn.output is not None:  # A call that could not be read, and the answer to it.
        row |= {"output": turn.output, "status": turn.status}
    return row


def _before_code(text: str, code: str) -> str:
    """Returns the text without the block of code at its end, whose lines may have been indented together."""
    lines = r"\r?\n[ \t]*".join(map(re.escape, (line.lstrip() for line in code.split("\n"))))
    found = list(re.finditer(lines, text)) if code else []  # A block may be empty.
    return _OPENED_FENCE.sub("", text[: found[-1].start()].rstrip(" \t")) if found else text


def _entropy(trajectory: Trajectory) -> float | None:
    """Returns the mean over the rollout's tokens, in nats; None where it was not logged."""
    entropies = [*chain.from_iterable(turn.entropies or () for turn in trajectory.turns)]
    return round(statistics.fmean(entropies), 3) if entropies else None


@lru_cache(maxsize=4096)
def _highlighted(code: str) -> str:
    """Returns HTML; Pygments escapes the code."""
    if len(code) > _MAX_HIGHLIGHTED_CHARS:
        return html.escape(code)
    return highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))


def _script_json(value: Any) -> str:
    """Returns JSON that may stand inside a script element, whatever texts it holds."""
    text = json.dumps(value, cls=PlotlyJSONEncoder, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _packed(value: Any) -> str:
    return _packed_text(json.dumps(value, cls=PlotlyJSONEncoder, ensure_ascii=False, separators=(",", ":")))


def _packed_text(text: str) -> str:
    data = text.encode("utf-8", "replace")  # Half a character cannot be written.
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def _term(word: str) -> Markup:
    """Returns the word, with its explanation on hover."""
    return Markup('<abbr title="{}">{}</abbr>').format(GLOSSARY[word], word)


def _judged(selection: Selection) -> str:
    """Returns how judging ended, and which answer stands."""
    answer = "the vote stands" if selection.answer is None else f"its answer is {selection.answer}"
    return f"judge: {selection.reason}, {answer}, {plural(selection.tokens, 'token')}"
