"""Settings files: the shipped ones load, and a bad one is refused by file and key."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import tomli_w

from aimo_solver.config.names import CodeMode, PolicyName, SearchMethod, TieBreak, VoteName
from aimo_solver.config.policy_settings import POLICY_SETTINGS, Aimo3PublicSettings, FixedSettings, NemoSkillsSettings
from aimo_solver.config.renamed_keys import with_current_keys
from aimo_solver.config.settings import (
    GenSelectSettings,
    Hardware,
    PolicySettings,
    Preset,
    SearchSettings,
    checked,
    load_hardware,
    load_preset,
)
from aimo_solver.config.shipped import HARDWARE, PRESETS
from aimo_solver.dialects import DIALECT_NAMES, find_dialect
from aimo_solver.errors import InputError
from aimo_solver.policies.adaptive import AdaptivePolicy
from aimo_solver.policies.factory import make_policy
from aimo_solver.runs.writer import without_none


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
    assert preset.dialect in DIALECT_NAMES
    make_policy(preset.policy.settings)


@pytest.mark.parametrize("name", [path.stem for path in HARDWARE.glob("*.toml")])
def test_every_shipped_hardware_file_loads(name: str) -> None:
    assert isinstance(load_hardware(name), Hardware)


def test_the_default_preset_is_the_default() -> None:
    preset = load_preset("default")
    assert preset.rollout == Preset().rollout
    chosen, default = make_policy(preset.policy.settings), make_policy(Preset().policy.settings)
    assert isinstance(chosen, AdaptivePolicy)
    assert isinstance(default, AdaptivePolicy)
    assert chosen.workload == default.workload
    assert replace(chosen.settings, rollout_tokens=None, speed_table=None) == default.settings


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    assert load_preset(str(tmp_path / "mine.toml")) == Preset()


def test_a_file_says_what_differs(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[rollout]\ncode = "disabled"\ncode_rounds = 0\n')
    rollout = load_preset(str(tmp_path / "mine.toml")).rollout
    assert (rollout.code, rollout.code_rounds, rollout.temperature) == (CodeMode.DISABLED, 0, 1.0)


def test_only_a_preset_with_a_search_table_searches(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[search]\nmethod = "dvts"\n')
    assert load_preset(str(tmp_path / "mine.toml")).search == SearchSettings(method=SearchMethod.DVTS)
    assert Preset().search is None


def test_a_policy_has_settings_of_its_own_kind(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[policy]\nname = "nemoskills"\n[policy.settings]\nbase_seconds = 1\n')
    assert load_preset(str(tmp_path / "mine.toml")).policy.settings == NemoSkillsSettings(base_seconds=1.0)


@pytest.mark.parametrize("name", [name for name in PolicyName if name is not PolicyName.TABLE])  # It needs a file.
def test_every_policy_has_defaults(name: PolicyName) -> None:
    assert PolicySettings(name=name).settings == POLICY_SETTINGS[name]()


def test_a_policy_cannot_have_the_settings_of_another() -> None:
    with pytest.raises(InputError, match="policy numina cannot have the settings of fixed"):
        PolicySettings(name=PolicyName.NUMINA, settings=FixedSettings())


@pytest.mark.parametrize("name", [path.stem for path in PRESETS.glob("*.toml")])
def test_a_preset_is_read_back_from_what_a_run_folder_keeps_of_it(name: str) -> None:
    preset = load_preset(name)
    kept = tomllib.loads(tomli_w.dumps(without_none(asdict(preset))))
    assert checked(Preset, with_current_keys(kept), "settings.toml") == preset


def test_the_keys_of_older_run_folders_are_read() -> None:
    kept = {
        "policy": {"name": "aimo3-public", "tokens": 900, "settings": {"least_seconds": 1.0, "most_seconds": 2.0}},
        "genselect": {"most_margin": 0.5, "least_seconds": 3.0, "candidates": 4},
    }
    preset = checked(Preset, with_current_keys(kept), "settings.toml")
    assert preset.policy.max_tokens == 900
    assert preset.policy.settings == Aimo3PublicSettings(min_seconds=1.0, max_seconds=2.0)
    assert preset.genselect == GenSelectSettings(max_margin=0.5, min_seconds=3.0, max_candidates=4)


def test_names_are_found_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'dialect = "OpenMath"\nvote = "Entropy"\ntie_break = "FIRST_FINISHED"\n[policy]\nname = "NemoSkills"\n'
    )
    preset = load_preset(str(tmp_path / "mine.toml"))
    assert (preset.vote, preset.tie_break) == (VoteName.ENTROPY, TieBreak.FIRST_FINISHED)
    assert (preset.dialect, preset.policy.name) == ("openmath", PolicyName.NEMOSKILLS)
    assert load_preset("NuminA-AIMO1") == load_preset("numina-aimo1")
    assert load_hardware("H100") == load_hardware("h100")
    assert find_dialect("OpenMath") is find_dialect("openmath")


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
        ("temprature = 0.7", "temprature: unknown key"),
        ("[rollout]\ntemprature = 0.7", "rollout.temprature: unknown key"),
        ("[policy]\nrolouts = 3", "policy.rolouts: unknown key"),
        ("[rollout]\ntemperature = -1", "rollout.temperature must "),
        ("[rollout]\ntemperature = nan", "rollout.temperature must "),
        ("[rollout]\ntop_p = 0.0", "rollout.top_p must "),
        ("[rollout]\nmax_tokens = 0", "rollout.max_tokens must "),
        ("[rollout]\nmax_tokens = 1.5", "rollout.max_tokens must "),
        ('[rollout]\nmax_tokens = "many"', "rollout.max_tokens must "),
        ('[rollout]\ncode = "sometimes"', "rollout.code must "),
        ("[search]\nwidht = 3", "search.widht: unknown key"),
        ("[search]\nwidth = 0", "search.width must "),
        ("[search]\nexploration = inf", "search.exploration must "),
        ('[search]\nmethod = "guess"', "search.method must "),
        ('[search]\nseparator = ""', "search.separator must "),
        ("dialect = 3", "dialect must be a valid string"),
        ('vote = "loudest"', "vote must be one of plurality, entropy, "),
        ('tie_break = "loudest"', "tie_break must be one of first_rollout, first_finished, fewest_tokens"),
        ('[policy]\nname = "greedy"', "policy.name must be one of fixed, numina, "),
        ("[policy]\nsettings = 3", "policy.settings must be a table"),
        ("[policy.settings]\nrisk = inf", "policy.settings.risk must be a finite number"),
        ("[policy.settings]\nwidth = true", "policy.settings.width must be a valid integer"),
        ("[policy]\nearly_stop = 1", "policy.early_stop must be a valid boolean"),
        ("[rollout]\nmax_tokens = true", "rollout.max_tokens must be a valid integer"),
        ("rollout = 3", "rollout must be a table"),
        ("[rollout]\ncode_timeout_seconds = inf", "rollout.code_timeout_seconds must be a finite number"),
        ("[rollout]\ncode_timeout_seconds = nan", "rollout.code_timeout_seconds must be a finite number"),
        ("[rollout]\ncode_timeout_seconds = 0", "rollout.code_timeout_seconds must be greater than 0"),
        ("[rollout]\ncode_timeout_seconds = 1e300", "rollout.code_timeout_seconds must be less than or equal to 86400"),
        ("sandbox_memory_bytes = 1", "sandbox_memory_bytes must be greater than or equal to 67108864"),
        ("sandbox_memory_bytes = 1000000000000000", "sandbox_memory_bytes must be less than or equal to "),
        ("sandbox_memory_bytes = 2e9", "sandbox_memory_bytes must be a valid integer"),
    ],
)
def test_a_bad_key_is_named_with_its_value(tmp_path: Path, text: str, key: str) -> None:
    sentence = refusal(tmp_path, text)
    assert sentence.startswith(key)
    assert ", got " in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("text", ["temperature 0.7", "a = 1\na = 2", b"\xff\xfe"])
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str | bytes) -> None:
    assert refusal(tmp_path, text).startswith("not a TOML file: ")


MINE = """
kv_cache_dtype = "fp8"
enforce_eager = false
speculative = { method = "ngram", num_speculative_tokens = 4 }
[engine]
moe_backend = "marlin"
quantization = "gptq"
[environment]
VLLM_USE_FLASHINFER_SAMPLER = "1"
[[ladder]]
kv_cache_dtype = "auto"
[[ladder]]
max_num_seqs = 8
speculative = {}
engine = {}
"""


def test_a_ladder_step_changes_the_settings_that_it_names_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    hardware = load_hardware(str(tmp_path / "mine.toml"))
    base = replace(hardware, ladder=None)
    assert hardware.steps == (
        replace(base, kv_cache_dtype="auto"),
        replace(base, max_num_seqs=8, speculative={}, engine={}),
    )
    assert hardware.environment == {"VLLM_USE_FLASHINFER_SAMPLER": "1"}


def test_plain_settings_keep_what_a_checkpoint_needs_to_be_read(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    plain = load_hardware(str(tmp_path / "mine.toml")).plain
    assert (plain.kv_cache_dtype, plain.enforce_eager, plain.speculative) == ("auto", True, None)
    assert (plain.engine, plain.environment, plain.ladder) == ({"quantization": "gptq"}, None, None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[ladder]]\nkv_cache = 1\n", "ladder step 1: kv_cache: unknown key, got 1"),
        ("[[ladder]]\n[[ladder]]\nmax_num_seqs = 0\n", "ladder step 2: max_num_seqs must be greater than 0, got 0"),
        ("[[ladder]]\n[[ladder.ladder]]\n", "ladder step 1 must have no ladder of its own"),
        ("[environment]\nA = 1\n", "environment.A must be a valid string, got 1"),
    ],
)
def test_a_bad_ladder_or_environment_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_hardware(str(tmp_path / "mine.toml"))
    assert str(caught.value) == f"{tmp_path / 'mine.toml'}: {sentence}"


def test_hardware_with_a_ladder_survives_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    hardware = load_hardware(str(tmp_path / "mine.toml"))
    written = tomllib.loads(tomli_w.dumps(without_none(asdict(hardware))))
    assert checked(Hardware, written, "settings.toml") == hardware
