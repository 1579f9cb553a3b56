"""Options: one rule for the preset that goes with a checkpoint, and contradictions found before loading."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.app.methods import limited
from aimo_solver.app.options import Overrides, RunOptions, choose_options, preset_for, require_one_engine
from aimo_solver.config.settings import CodeMode, GenSelectSettings, Preset, SearchSettings, load_preset
from aimo_solver.errors import InputError
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.commands import all_commands
from tests.helpers.runtimes import whole_checkpoint


def options(**changes: Any) -> RunOptions:
    given: dict[str, Any] = {"preset": "demo", "hardware": "cpu", "limit_seconds": 100.0}
    return choose_options(DEMO_MODEL, **given | changes)


def test_the_demo_model_and_its_copies_get_its_own_preset_and_others_the_default(tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(DEMO_MODEL, copied)
    assert preset_for(DEMO_MODEL) == preset_for(copied) == "demo"
    assert preset_for(whole_checkpoint(tmp_path / "mine")) == preset_for(tmp_path / "nowhere") == "default"


def test_no_command_that_takes_a_model_has_a_preset_of_its_own() -> None:
    """Every one leaves it to `preset_for`, so that all commands play a checkpoint alike."""
    takes_model = {name: command for name, command in all_commands() if "model" in {p.name for p in command.params}}
    assert set(takes_model) >= {"solve", "replay", "methods", "scaling", "profile-engine", "doctor", "rehearse"}
    own = [
        name
        for name, command in takes_model.items()
        for parameter in command.params
        if parameter.name == "preset" and parameter.default is not None
    ]
    assert own == []


def test_the_kernel_and_a_replay_name_the_same_settings_for_a_checkpoint(tmp_path: Path) -> None:
    """Both print the description of what `choose_options` made of the checkpoint alone."""
    for model in (DEMO_MODEL, whole_checkpoint(tmp_path / "mine")):
        chosen = choose_options(model, hardware="cpu")
        assert replace(chosen.preset, dialect="") == replace(load_preset(preset_for(model)), dialect="")
        assert f": preset {preset_for(model)}, dialect {chosen.preset.dialect}" in chosen.description


def test_one_line_names_what_a_run_is_made_of() -> None:
    line = options(overrides=Overrides(rollouts=5, max_tokens=1000)).description
    assert line.endswith(": preset demo, dialect numina, policy nemoskills, 5 rollouts of at most 1,000 tokens")


def test_that_a_vote_never_counts_a_leader_as_out_of_reach_is_said_once() -> None:
    said = "vote deepconf-high (its weights have no limit, so any leader can be caught)"
    assert options(preset="deepconf").description.count(said) == 1
    assert said not in options(preset="deepconf", overrides=Overrides(early_stop=False)).description
    assert "vote" not in options().description


def test_overrides_change_what_they_name_and_nothing_else() -> None:
    preset = load_preset("demo")
    assert Overrides().apply(preset) == preset
    changed = Overrides(rollouts=3, code=CodeMode.OFF, temperature=0.0, dialect="cot", early_stop=False).apply(preset)
    assert (changed.policy.rollouts, changed.policy.early_stop, changed.dialect) == (3, False, "cot")
    assert (changed.rollout.code, changed.rollout.temperature) == (CodeMode.OFF, 0.0)
    assert replace(changed.rollout, code=preset.rollout.code, temperature=preset.rollout.temperature) == preset.rollout


def test_a_search_keeps_its_own_number_of_trees_at_once() -> None:
    """Eight trees at once on 1,000 tokens would all end without an answer."""
    apart = Overrides(concurrent=8)
    assert apart.apply(load_preset("demo")).policy.concurrent == 8
    assert apart.apply(load_preset("demo-rstar")).policy.concurrent == 1


def test_methods_with_two_scorers_are_refused_before_loading() -> None:
    plain = options()
    one, other = (
        replace(plain, preset=replace(plain.preset, search=SearchSettings(scorer=name))) for name in ("a", "b")
    )
    require_one_engine([plain, one])
    with pytest.raises(InputError, match="scorer must be the same for methods that share an engine, got a, b"):
        require_one_engine([one, other])


def test_a_limit_that_judging_would_use_up_is_refused() -> None:
    preset = replace(Preset(), genselect=GenSelectSettings(judgings=5, max_tokens=4096))
    with pytest.raises(InputError, match="tokens must be at least 40960, twice what judging may take, got 4000"):
        limited(preset, 4000)


def test_waits_have_no_meaning_for_a_search(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[rollout]\nwaits = 2\n[search]\nwidth = 4\n")
    with pytest.raises(InputError, match="waits has no meaning for a search's steps"):
        options(preset=str(path))


def test_a_scorer_that_is_no_checkpoint_is_refused_before_loading(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[search]\nscorer = "/nowhere/ppm"\n')
    with pytest.raises(Exception, match="/nowhere/ppm"):
        options(preset=str(path))


def test_a_fault_of_a_preset_names_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[rollout.deepconf]\nwarm_up = 2\n")
    with pytest.raises(InputError, match=r"preset .*mine\.toml: deepconf needs log-probabilities"):
        options(preset=str(path))
