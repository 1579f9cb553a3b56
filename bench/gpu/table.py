"""The table of `python -m bench gpu`: written row by row, so that a later call resumes one that was cut off.

`gpu.json` holds every row and the machine it was measured on; `gpu.md` is the same for people. A table of
another machine is refused; rows that failed are measured again.
"""

from __future__ import annotations

import json
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from aimo_solver.errors import InputError
from aimo_solver.utils.files import make_folder, read_text, write_text


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one model."""

    model: str
    measured: str
    figure: str
    """For people."""
    _: KW_ONLY
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    """For programs."""
    failed: bool = False


class GpuTable:
    """Rows in the order in which they were measured."""

    def __init__(self, folder: Path, machine: dict[str, str], console: Console) -> None:
        """Reads the rows that the folder holds. Raises InputError if they are another machine's."""
        make_folder(folder)
        self._folder, self._machine, self._console = folder, machine, console
        self._rows: list[Row] = []
        if (folder / "gpu.json").exists():
            kept: dict[str, Any] = json.loads(read_text(folder / "gpu.json", "a table of this benchmark"))
            if any(kept["machine"].get(name) != machine[name] for name in machine if name != "date"):
                raise InputError(f"{folder}: holds the figures of {kept['machine']}; name another folder")
            self._rows = [Row(**row) for row in kept["rows"]]

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(self._rows)

    def has(self, model: str, measured: str) -> bool:
        """Returns whether this was measured without a failure."""
        return any((row.model, row.measured) == (model, measured) and not row.failed for row in self._rows)

    def add(self, row: Row) -> None:
        """Prints the row and writes the table; the row replaces an earlier failed one."""
        line = f"{row.model} | {row.measured} | {row.figure}"
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)
        self._rows = [old for old in self._rows if (old.model, old.measured) != (row.model, row.measured)] + [row]
        kept = {"machine": self._machine, "rows": [asdict(row) for row in self._rows]}
        write_text(self._folder / "gpu.json", json.dumps(kept, indent=1) + "\n")
        write_text(self._folder / "gpu.md", self.markdown())

    def markdown(self) -> str:
        """Returns the whole table in Markdown, below a line about the machine."""
        machine = "; ".join(f"{name} {value}" for name, value in self._machine.items())
        lines = [machine, "", "| model | measured | figure |", "|---|---|---|"]
        lines += [f"| {row.model} | {row.measured} | {_one_line(row.figure)} |" for row in self._rows]
        return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    """Returns the text without what would break a row of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())
