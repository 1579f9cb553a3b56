"""vLLM's own arguments in hardware settings: checked by name and type against the installed version's source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aimo_solver.config.settings import load_hardware
from aimo_solver.config.shipped import HARDWARE
from aimo_solver.engine.engine_arguments import OWNED, argument_faults, known_arguments
from aimo_solver.engine.hardware import check_hardware
from aimo_solver.engine.vllm.engine import VllmEngine
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.errors import InputError
from tests.helpers.runtimes import whole_checkpoint

SOURCE = '''
from typing import Optional
from vllm.config import Backend, SomeConfig

class EngineArgs:
    """What vLLM declares, in miniature."""
    model: str = "m"
    quantization: Methods | str | None = None
    max_num_batched_tokens: int | None = None
    disable_custom_all_reduce: bool = False
    moe_backend: Backend = "auto"
    cpu_offload_gb: float = 0
    compilation_config: SomeConfig = None
    hf_overrides: "dict[str, Any] | None" = None
    ignore_patterns: Optional[list[str]] = None
    runner: str = "auto"
    _private: int = 0

class AsyncEngineArgs(EngineArgs):
    enable_log_requests: bool = False
'''


@pytest.fixture
def vllm(tmp_path: Path) -> Path:
    """The part of a vLLM that is read."""
    root = tmp_path / "vllm"
    for name, text in {
        "engine/arg_utils.py": SOURCE,
        "config/__init__.py": "from vllm.config.kernel import Backend\n",
        "config/kernel.py": 'from typing import Literal\nBackend = Literal["auto", "marlin", "triton"]\n',
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("moe_backend", "marlin"),
        ("max_num_batched_tokens", 8192),
        ("disable_custom_all_reduce", True),
        ("quantization", "gptq"),
        ("cpu_offload_gb", 4),
        ("compilation_config", {"level": 0}),
        ("hf_overrides", {"a": 1}),
        ("ignore_patterns", ["*.bin"]),
        ("enable_log_requests", False),
    ],
)
def test_a_known_argument_of_its_type_passes(vllm: Path, name: str, value: Any) -> None:
    assert argument_faults({name: value}, vllm) == []


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("moe_backends", "marlin", "moe_backends is no argument of the installed vLLM; did you mean moe_backend"),
        ("zzz", 1, "zzz is no argument of the installed vLLM; vLLM's documentation lists its"),
        ("_private", 1, "_private is no argument"),
        ("moe_backend", "marlinn", "moe_backend must be 'auto' | 'marlin' | 'triton', got 'marlinn'"),
        ("moe_backend", True, "moe_backend must be 'auto' | 'marlin' | 'triton', got True"),
        ("max_num_batched_tokens", "8192", "max_num_batched_tokens must be int | None, got '8192'"),
        ("max_num_batched_tokens", True, "max_num_batched_tokens must be int | None, got True"),
        ("disable_custom_all_reduce", 1, "disable_custom_all_reduce must be bool, got 1"),
        ("compilation_config", True, "compilation_config must be SomeConfig, got True"),
        ("hf_overrides", "x", "hf_overrides must be dict[str, Any] | None, got 'x'"),
        ("model", "m", "model has a key of its own; set --model instead, outside [engine]"),
        ("runner", "pooling", "runner is set by this project; leave it out"),
    ],
)
def test_an_unknown_name_or_a_wrong_type_is_one_sentence(vllm: Path, name: str, value: Any, sentence: str) -> None:
    (fault,) = argument_faults({name: value}, vllm)
    assert fault.startswith(f"engine.{sentence}")


def test_the_installed_vllm_has_what_the_project_sets_itself() -> None:
    pytest.importorskip("vllm.version")
    vllm = __import__("vllm.version")
    known = known_arguments(Path(vllm.__file__).parent)
    assert OWNED.keys() <= known.keys()
    assert "marlin" in known["moe_backend"].choices


@pytest.mark.parametrize("name", [path.stem for path in HARDWARE.glob("*.toml")])
def test_every_shipped_ladder_names_arguments_that_exist(name: str) -> None:
    hardware = load_hardware(name)
    for step in (hardware, *hardware.steps, hardware.plain):
        assert argument_faults(step.engine or {}) == []


def test_a_misspelt_argument_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        "cpu_kvcache_gib = 1\n[engine]\nmax_num_batched_token = 1\n[[ladder]]\n[ladder.engine]\nblock_sizes = 16\n"
    )
    with pytest.raises(InputError, match=r"did you mean max_num_batched_tokens.*; and engine\.block_sizes is no"):
        check_hardware(str(tmp_path / "mine.toml"), whole_checkpoint(tmp_path / "model"))


def test_an_argument_that_the_project_sets_by_default_may_be_set_otherwise() -> None:
    assert VllmEngine(VllmSettings(Path("model"), engine_arguments={"seed": 3, "disable_log_stats": False}))
