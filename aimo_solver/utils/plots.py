"""Plots: where one may be written, and how. The same figures give the same file.

The ending chooses the format: .svg, .png or .pdf.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aimo_solver.errors import InputError

if TYPE_CHECKING:  # matplotlib takes half a second to import.
    from matplotlib.figure import Figure

PLOT_STYLE: Final[Mapping[str, Any]] = {"svg.hashsalt": "aimo", "svg.fonttype": "none", "font.size": 9}
"""For `matplotlib.rc_context`, around the drawing and `save_plot`."""
_FORMATS: Final = (".svg", ".png", ".pdf")


def check_plot_path(path: Path) -> None:
    """Raises InputError for a path that no plot can be written to, before the work that it would show."""
    if path.suffix not in _FORMATS:
        raise InputError(f"plot must end in {', '.join(_FORMATS)}, got {path.name!r}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; create it first")


def save_plot(figure: Figure, path: Path) -> None:
    """Writes the file, without a date. Raises InputError when it cannot be written."""
    try:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
