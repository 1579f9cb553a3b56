"""Settings files: the shipped ones load, and a bad one is told by file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimo_solver.config.settings import (
    HARDWARE,
    PRESETS,
    CodeMode,
    Hardware,
    Preset,
    SearchMethod,
    SearchSettings,
    load_hardware,
    load_preset,
)
from aimo_solver.dialects import find_dialect
from aimo_solver.errors import InputError
from aimo_solver.policies import make_policy
from aimo_solver.voting import TieBreak


def refusal(folder: Path, text: str | bytes) -> str:
    path = folder / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        load_preset(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", [path.stem for path in PRESETS.glob("*.toml")])
def test_every_shipped_preset_names_what_there_is(name: str) -> None:
    preset = load_preset(name)
    find_dialect(preset.dialect)
    make_policy(preset.policy.name, preset.policy.settings)
    TieBreak(preset.tie_break)


@pytest.mark.parametrize("name", [path.stem for path in HARDWARE.glob("*.toml")])
def test_every_shipped_hardware_file_loads(name: str) -> None:
    assert isinstance(load_hardware(name), Hardware)


def test_the_default_preset_is_the_default() -> None:
    preset = load_preset("default")
    assert preset.rollout == Preset().rollout
    assert make_policy(preset.policy.name, preset.policy.settings) == make_policy(Preset().policy.name, {})


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    assert load_preset(str(tmp_path / "mine.toml")) == Preset()


def test_a_file_says_what_differs(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[rollout]\ncode = "disabled"\ncode_rounds = 0\n')
    rollout = load_preset(str(tmp_path / "mine.toml")).rollout
    assert (rollout.code, rollout.code_rounds, rollout.temperature) == (CodeMode.DISABLED, 0, 1.0)


def test_a_search_is_made_only_where_a_file_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[search]\nmethod = "dvts"\n')
    assert load_preset(str(tmp_path / "mine.toml")).search == SearchSettings(SearchMethod.DVTS)
    assert Preset().search is None


def test_policy_settings_keep_their_types(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[policy.settings]\nrollouts = 1\nbase_seconds = 1.0\ncareful = true\n")
    settings = load_preset(str(tmp_path / "mine.toml")).policy.settings
    assert [type(value) for value in settings.values()] == [int, float, bool]


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"preset must be one of .*default, .*numina-aimo1, .*or a \.toml file, got 'demos'"
    ):
        load_preset("demos")


def test_unknown_hardware_lists_the_known() -> None:
    with pytest.raises(
        InputError, match=r"hardware must be one of cpu, cuda, h100, l4x4, t4x2, or a \.toml file, got 'tpu'"
    ):
        load_hardware("tpu")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match=r"got 'none\.toml'"):
        load_preset("none.toml")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("temprature = 0.7", "temprature: "),
        ("[rollout]\ntemprature = 0.7", "rollout.temprature: "),
        ("[policy]\nrolouts = 3", "policy.rolouts: "),
        ("[rollout]\ntemperature = -1", "rollout.temperature: "),
        ("[rollout]\ntemperature = nan", "rollout.temperature: "),
        ("[rollout]\ntop_p = 0.0", "rollout.top_p: "),
        ("[rollout]\nmax_tokens = 0", "rollout.max_tokens: "),
        ("[rollout]\nmax_tokens = 1.5", "rollout.max_tokens: "),
        ('[rollout]\nmax_tokens = "many"', "rollout.max_tokens: "),
        ('[rollout]\ncode = "sometimes"', "rollout.code: "),
        ("[search]\nwidht = 3", "search.widht: "),
        ("[search]\nwidth = 0", "search.width: "),
        ("[search]\nexploration = inf", "search.exploration: "),
        ('[search]\nmethod = "guess"', "search.method: "),
        ('[search]\nseparator = ""', "search.separator: "),
        ("dialect = 3", "dialect: "),
        ("rollout = 3", "rollout: "),
    ],
)
def test_a_bad_key_is_named_with_its_value(tmp_path: Path, text: str, key: str) -> None:
    sentence = refusal(tmp_path, text)
    assert sentence.startswith(key)
    assert ", got " in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("text", ["temperature 0.7", "a = 1\na = 2", b"\xff\xfe"])
def test_what_is_not_toml_is_told_so(tmp_path: Path, text: str | bytes) -> None:
    assert refusal(tmp_path, text).startswith("not a TOML file: ")
