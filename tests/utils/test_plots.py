"""Where plots may be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from aimo_solver.errors import InputError
from aimo_solver.utils.plots import check_plot_path, save_plot


@pytest.mark.parametrize("name", ["a.svg", "a.png", "a.pdf"])
def test_the_ending_chooses_the_format(tmp_path: Path, name: str) -> None:
    check_plot_path(tmp_path / name)
    save_plot(Figure(figsize=(1, 1), layout="constrained"), tmp_path / name)
    assert (tmp_path / name).stat().st_size > 0


def test_a_plot_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plot must end in .svg, .png, .pdf, got 'a.gif'"):
        check_plot_path(tmp_path / "a.gif")
    with pytest.raises(InputError, match="its folder does not exist; create it first"):
        check_plot_path(tmp_path / "none" / "a.svg")


def test_a_plot_that_could_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        save_plot(Figure(figsize=(1, 1), layout="constrained"), tmp_path / "none" / "a.svg")
