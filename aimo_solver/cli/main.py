"""The `aimo` command: which commands there are, in the groups that `aimo --help` shows.

A command's module is imported when the command is run, so that `aimo sets list` does not wait for an engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, Final

import typer
import typer.core
import typer.main

from aimo_solver import __version__
from aimo_solver.utils.exit import one_sentence_errors

COMMANDS: Final[Mapping[str, Mapping[str, str]]] = {
    "Answer problems": {
        "solve": "aimo_solver.cli.solve:solve",
        "replay": "aimo_solver.cli.solve:replay",
    },
    "Look at runs": {
        "report": "aimo_solver.cli.report:report",
        "compare": "aimo_solver.cli.report:compare",
        "revote": "aimo_solver.cli.report:revote",
        "export": "aimo_solver.cli.report:export",
    },
    "Choose a method": {
        "prompt": "aimo_solver.cli.prompt:prompt",
        "methods": "aimo_solver.cli.methods:methods",
        "scaling": "aimo_solver.cli.methods:scaling",
        "pool": "aimo_solver.cli.simulate:pool",
        "simulate": "aimo_solver.cli.simulate:simulate",
        "learn-table": "aimo_solver.cli.simulate:learn_table",
        "profile-engine": "aimo_solver.cli.simulate:profile_engine",
    },
    "Go to Kaggle": {
        "doctor": "aimo_solver.cli.kaggle:doctor",
        "package": "aimo_solver.cli.kaggle:package",
        "rehearse": "aimo_solver.cli.kaggle:rehearse",
        "push": "aimo_solver.cli.kaggle:push",
    },
    "Checkpoints, sets, sandbox": {
        "quantize": "quantize.cli:app",
        "sets": "aimo_solver.cli.sets:app",
        "sandbox": "aimo_solver.cli.sandbox:app",
    },
}
"""By help panel and name: module and attribute, a function or a typer.Typer."""
DEBUG_OPTION: Final = "--debug"
DEBUG_KEY: Final = "aimo.debug"


class _LazyCommands(Mapping[str, Any]):
    """The commands by name, each imported when it is asked for."""

    def __init__(self) -> None:
        self._places = {name: (panel, place) for panel, names in COMMANDS.items() for name, place in names.items()}

    def __getitem__(self, name: str) -> Any:
        panel, place = self._places[name]
        module, _, attribute = place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            single = typer.Typer(add_completion=False)
            single.command(name)(found)
            command = typer.main.get_command(single)
        command.name, command.rich_help_panel = name, panel
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class AimoGroup(typer.core.TyperGroup):
    """The root group: lazy commands, and the one place where errors become exit codes."""

    def __init__(self, **attributes: Any) -> None:
        commands: Any = _LazyCommands()
        super().__init__(**attributes | {"commands": commands})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Understands --debug anywhere in the line, also after the command's name."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[DEBUG_KEY] = DEBUG_OPTION in args[:end]
        return super().parse_args(ctx, [one for one in args[:end] if one != DEBUG_OPTION] + args[end:])

    def invoke(self, ctx: Any) -> Any:
        with one_sentence_errors(debug=ctx.meta[DEBUG_KEY] or None):
            return super().invoke(ctx)


app = typer.Typer(
    cls=AimoGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aimo-solver {__version__}")
        raise typer.Exit


@app.callback()
def aimo(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG_OPTION, help="Show tracebacks, as AIMO_DEBUG=1 does; works after any command.")
    ] = False,
) -> None:
    """Answers olympiad problems with a language model, Python and a vote, inside a time limit.

    Every command has --help with an example.
    """


if __name__ == "__main__":
    app()
