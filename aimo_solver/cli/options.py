"""Options that several commands take, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from aimo_solver.config.settings import CodeMode

METHOD: Final = "Method"
MACHINE: Final = "Model and machine"
OUTPUT: Final = "Output"

Model = Annotated[
    Path,
    typer.Option(metavar="DIR", help="Folder of a checkpoint.", show_default="the demo model", rich_help_panel=MACHINE),
]
HardwareName = Annotated[
    str,
    typer.Option(
        "--hardware",
        metavar="NAME",
        help="Hardware settings by name or TOML file; auto chooses by the cards.",
        rich_help_panel=MACHINE,
    ),
]
PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="A preset by name or TOML file.",
        show_default="the one that goes with the model",
        rich_help_panel=METHOD,
    ),
]
PolicyName = Annotated[
    str | None,
    typer.Option("--policy", metavar="NAME", help="Another time policy than the preset's.", rich_help_panel=METHOD),
]
DialectName = Annotated[
    str | None,
    typer.Option(
        "--dialect",
        metavar="NAME",
        help="Another dialect than the preset's: how the model writes; auto reads it from the checkpoint.",
        rich_help_panel=METHOD,
    ),
]
Rollouts = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Rollouts per problem.", show_default="the preset's", rich_help_panel=METHOD),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Most tokens per rollout.", show_default="the preset's", rich_help_panel=METHOD
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        min=0.0, metavar="T", help="Sampling temperature.", show_default="the preset's", rich_help_panel=METHOD
    ),
]
Code = Annotated[
    CodeMode | None,
    typer.Option(
        metavar="MODE",
        help="on runs the model's code, disabled answers every call so, off recognises no calls.",
        show_default="the preset's",
        rich_help_panel=METHOD,
    ),
]
EarlyStop = Annotated[
    bool, typer.Option(help="Stop a problem's rollouts once its vote is settled.", rich_help_panel=METHOD)
]
ContestName = Annotated[
    str,
    typer.Option(
        "--contest",
        metavar="NAME",
        help="Whose answers count: a contest by name or TOML file, or any-integer.",
        rich_help_panel=METHOD,
    ),
]
LimitSeconds = Annotated[
    float, typer.Option(metavar="S", help="Limit on the whole run, loading included.", rich_help_panel=METHOD)
]
Seed = Annotated[int, typer.Option(metavar="N", help="Base seed of all rollouts.", rich_help_panel=METHOD)]

ProblemSets = Annotated[
    list[str] | None,
    typer.Argument(metavar="SET", help="Sets by name, or .jsonl and .csv files.", show_default="the demo set"),
]
Problems = Annotated[int | None, typer.Option(min=1, metavar="N", help="Take only the first N problems.")]
Runs = Annotated[int, typer.Option(min=1, metavar="N", help="Passes over the sets, each with its own seeds.")]
AtOnce = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Problems side by side: faster, but each problem's seconds mean less."),
]

RunFolderArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
StudyFolder = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for run folders and figures; a study begun there is resumed.",
        rich_help_panel=OUTPUT,
    ),
]
RunsFolder = Annotated[Path, typer.Option(metavar="DIR", help="Where run folders go.", rich_help_panel=OUTPUT)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; progress goes to stderr.", rich_help_panel=OUTPUT)]
