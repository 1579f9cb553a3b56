"""What the demo model is taught about judging: the reply names the right attempt, or none, for the right reason."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimo_solver.config.settings import load_preset
from aimo_solver.errors import AimoError
from aimo_solver.utils.paths import DEMO_MODEL
from aimo_solver.voting.genselect.judgment import find_judgment
from demo_model.check_judging import check_judging
from demo_model.judging_traces import MAX_ATTEMPTS, judging_trace, misread_number
from demo_model.traces import NUMBER, draw_family

SEEDS = st.integers(0, 10_000)


def judged(seed: int) -> tuple[str, list[int], str, int]:
    """Returns the judge's prompt, the attempts' answers, the reply and the problem's answer."""
    rng = Random(seed)
    family, params = draw_family(rng)
    trace = judging_trace(family, params, rng)
    (reply,) = trace.segments
    attempts = [int(found) for found in re.findall(r"^Attempt \d+, which answers (\d+):$", trace.problem, re.M)]
    return trace.problem, attempts, reply.text, family.brute_force(params)


@given(SEEDS)
def test_the_attempt_with_the_right_answer_is_named_or_none(seed: int) -> None:
    _, attempts, reply, answer = judged(seed)
    judgment = find_judgment(reply, len(attempts))
    assert (attempts[judgment] if judgment is not None else None) == (answer if answer in attempts else None)
    assert len(set(attempts)) == len(attempts) <= MAX_ATTEMPTS


@given(SEEDS)
def test_a_yes_has_equal_numbers_and_a_no_ends_at_the_first_that_differs(seed: int) -> None:
    prompt, attempts, reply, answer = judged(seed)
    problem = prompt.partition("Problem:\n")[2].partition("\n\nAttempt 0")[0]
    verdicts = re.findall(r"^Attempt \d+: (.*), (yes|no)$", reply, re.M)
    assert len(verdicts) == len(attempts)
    for (reason, word), attempt in zip(verdicts, attempts, strict=True):
        assert (word == "yes") == (attempt == answer)
        if reason in ("no program", "another problem"):
            assert word == "no"
            continue
        pairs = [pair.split() for pair in reason.split(", ")]
        assert {number for number, _ in pairs} <= {*NUMBER.findall(problem)}
        assert [number == shown for number, shown in pairs] == [True] * (len(pairs) - 1) + [word == "yes"]


def test_the_demo_judge_sees_at_most_as_many_attempts_as_in_training() -> None:
    genselect = load_preset("demo-genselect").genselect
    assert genselect is not None and genselect.window <= MAX_ATTEMPTS


@given(SEEDS, st.integers(0, 99_999))
def test_a_misread_number_differs(seed: int, number: int) -> None:
    assert misread_number(str(number), Random(seed)) != str(number)


def test_the_demo_model_judges_far_better_than_chance() -> None:
    """A judge at chance costs votes wherever it may overrule them."""
    checked = check_judging(DEMO_MODEL, judgings=12)
    assert checked.right >= 9 > checked.by_chance + 2


def test_a_folder_that_is_not_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AimoError, match="no folder"):
        check_judging(tmp_path / "nowhere")
