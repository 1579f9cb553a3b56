"""The demo model reads today what it was trained on, token for token."""

from __future__ import annotations

import pytest

from aimo_solver.app.canary import QUESTION
from aimo_solver.app.prompt_view import view_prompt
from aimo_solver.problems.problem import answer_rule
from aimo_solver.utils.paths import DEMO_MODEL

TOKEN_IDS = [
    *(1, 322, 201, 508, 857, 473, 901, 2010, 262, 847, 19, 19, 18, 275, 506, 1183, 1436, 21, 1845, 26, 288, 2, 201),
    *(1, 325, 201),
]
THINKING = [317, 201]


@pytest.mark.parametrize("contest", ["aimo2", "aimo3", "any-integer"])
@pytest.mark.parametrize(
    ("preset", "opening"),
    [
        ("demo", []),
        ("demo-table", []),
        ("demo-genselect", []),
        ("demo-rstar", THINKING),
        ("demo-dvts", THINKING),
        ("numina-aimo1", []),
        ("default", []),
    ],
)
def test_the_demo_model_reads_the_bare_problem_token_for_token(preset: str, opening: list[int], contest: str) -> None:
    view = view_prompt(DEMO_MODEL, QUESTION, preset=preset, rule=answer_rule(contest))
    assert view.token_ids == TOKEN_IDS + opening
