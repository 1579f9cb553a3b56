"""`aimo prompt`: what the model will read."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from aimo_solver.app.canary import QUESTION
from aimo_solver.app.options import Overrides
from aimo_solver.app.prompt_view import PromptView, view_prompt
from aimo_solver.cli.options import AsJson, Code, ContestName, DialectName, Model, PresetName
from aimo_solver.problems.problem import answer_rule
from aimo_solver.utils.paths import DEMO_MODEL
from aimo_solver.utils.text import plural


def prompt(
    problem: Annotated[
        str, typer.Argument(metavar="STATEMENT", help="The problem's statement.", show_default="a short one")
    ] = QUESTION,
    model: Model = DEMO_MODEL,
    preset: PresetName = None,
    dialect: DialectName = None,
    code: Code = None,
    contest: ContestName = "any-integer",
    as_json: AsJson = False,
) -> None:
    """Prints what the model will read, as text and token ids, with the tokens of each part.

    Loads no weights: a checkpoint's tokenizer is enough.

    Example: aimo prompt --preset aimo3-second --model /models/gpt-oss-120b --contest aimo3
    """
    wanted = Overrides(dialect=dialect, code=code)
    view = view_prompt(model, problem, preset=preset, rule=answer_rule(contest), overrides=wanted)
    if as_json:
        typer.echo(json.dumps(view.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(view, Console())


def _print(view: PromptView, console: Console) -> None:
    why = f" ({view.dialect_reason})" if view.dialect_reason else ""
    total = plural(len(view.token_ids), "token")
    head = f"preset {view.preset}, dialect {view.dialect}{why}, answers of {view.contest}: {total}"
    console.print(head, style="bold", markup=False, highlight=False, soft_wrap=True)
    for part in view.parts:
        console.rule(f"{part.name}, {plural(len(part.token_ids), 'token')}", style="dim", align="left")
        console.print(Text(part.text), soft_wrap=True, end="" if part.text.endswith("\n") else "\n")
    console.rule("token ids", style="dim", align="left")
    console.print(" ".join(map(str, view.token_ids)), soft_wrap=True, highlight=False)
