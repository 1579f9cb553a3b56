"""Cards and what runs on them. The cards are made up, but not what nvidia-smi prints."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from aimo_solver.config.settings import Hardware, load_hardware
from aimo_solver.engine import hardware
from aimo_solver.engine.hardware import Card, choose_hardware, faults, find_cards, find_hardware
from aimo_solver.engine.number_format import NumberFormat, parse_number_format
from aimo_solver.errors import InputError
from tests.helpers.cards import A100, H100, L4, P100, T4

PLAIN = NumberFormat(method="none")
GPTQ8 = NumberFormat(method="gptq", bits=8)
MXFP4 = NumberFormat(method="mxfp4", bits=4, floating=True)


RunProgram = Callable[..., subprocess.CompletedProcess[str]]
Driver = Callable[..., RunProgram]
"""Makes a replacement for subprocess.run from what nvidia-smi prints and its exit code."""


def _find_nvidia_smi(monkeypatch: pytest.MonkeyPatch, path: str | None) -> None:
    def which(name: str) -> str | None:
        return path

    monkeypatch.setattr(hardware.shutil, "which", which)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """A machine with nvidia-smi."""
    _find_nvidia_smi(monkeypatch, "/usr/bin/nvidia-smi")

    def prints(stdout: str, code: int = 0) -> RunProgram:
        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            return subprocess.CompletedProcess(command, code, stdout, "")

        return run

    return prints


def test_cards_are_read_from_the_driver(driver: Driver) -> None:
    cards = find_cards(driver("Tesla T4, 7.5, 15360, 15101, 535.104.05\nTesla T4, 7.5, 15360, 15101, 535.104.05\n"))
    assert len(cards) == 2
    assert (cards[0].name, cards[0].capability, cards[0].free_bytes) == ("Tesla T4", (7, 5), 15101 * 2**20)


def test_a_driver_that_fails_is_reported(
    driver: Driver,
) -> None:
    with pytest.raises(InputError, match=r"nvidia-smi fails \(NVIDIA-SMI has failed"):
        find_cards(driver("NVIDIA-SMI has failed because it couldn't communicate with the driver\n", 9))


def test_a_driver_that_hangs_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    _find_nvidia_smi(monkeypatch, "nvidia-smi")

    def hang(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, 20)

    with pytest.raises(InputError, match="nvidia-smi does not answer"):
        find_cards(hang)


def test_no_driver_is_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    _find_nvidia_smi(monkeypatch, None)
    assert find_cards() == ()


@pytest.mark.parametrize(
    ("cards", "name"),
    [((), "cpu"), ((T4, T4), "t4x2"), ((T4,), "cuda"), ((L4,) * 4, "l4x4"), ((L4,), "cuda"), ((H100,), "h100"),
     ((A100,), "cuda")],
)  # fmt: skip
def test_settings_are_chosen_by_the_cards(cards: tuple[Card, ...], name: str) -> None:
    assert choose_hardware(cards) == name
    assert find_hardware("auto", cards) == load_hardware(name)


@pytest.mark.parametrize(
    ("cards", "number_format"),
    [((T4, T4), GPTQ8), ((L4,) * 4, PLAIN), ((H100,), MXFP4), ((), NumberFormat(method="gptq", bits=4))],
)
def test_shipped_settings_run_what_they_are_made_for(cards: tuple[Card, ...], number_format: NumberFormat) -> None:
    assert faults(cards, find_hardware("auto", cards), number_format) == []


@pytest.mark.parametrize(
    ("cards", "settings", "number_format", "fault"),
    [
        ((P100,), Hardware(), PLAIN, "below compute capability 7.5, which vLLM needs"),
        ((T4, T4), Hardware(dtype="bfloat16"), PLAIN, 'has no bfloat16; set dtype = "float16"'),
        ((T4, T4), Hardware(kv_cache_dtype="fp8"), PLAIN, "cannot hold an fp8 KV cache"),
        ((T4,), Hardware(tensor_parallel=2), PLAIN, "tensor_parallel must be at most 1"),
        ((T4,), Hardware(), MXFP4, "cannot run mxfp4, 4-bit floats"),
        ((), Hardware(), GPTQ8, "no CPU kernel runs gptq, 8-bit integers"),
        ((), Hardware(tensor_parallel=2), PLAIN, "tensor_parallel must be 1 without a GPU"),
    ],
)
def test_each_fault_is_one_sentence(
    cards: tuple[Card, ...], settings: Hardware, number_format: NumberFormat, fault: str
) -> None:
    (sentence,) = faults(cards, settings, number_format)
    assert fault in sentence


@pytest.mark.parametrize(
    ("config", "number_format"),
    [
        ({}, PLAIN),
        ({"quantization_config": {"quant_method": "gptq", "bits": 8, "group_size": 128}}, GPTQ8),
        (
            {"quantization_config": {"quant_method": "fp8", "fmt": "e4m3"}},
            NumberFormat(method="fp8", bits=8, floating=True),
        ),
        ({"quantization_config": {"quant_method": "mxfp4"}}, MXFP4),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
                }
            },
            NumberFormat(method="compressed-tensors", bits=8, floating=True, activations="16-bit"),
        ),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {
                        "group_0": {
                            "weights": {"num_bits": 8, "type": "float"},
                            "input_activations": {"num_bits": 8, "dynamic": False},
                        }
                    },
                }
            },
            NumberFormat(method="compressed-tensors", bits=8, floating=True, activations="static"),
        ),
        ({"quantization_config": {"quant_method": "new-thing"}}, NumberFormat(method="new-thing")),
    ],
)
def test_a_checkpoints_number_format_is_read_from_its_config(
    config: dict[str, object], number_format: NumberFormat
) -> None:
    assert parse_number_format(config) == number_format


def test_a_card_that_cannot_run_the_checkpoint_is_refused_before_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(hardware, "find_cards", lambda: (P100,))
    with pytest.raises(InputError, match=r"P100.* compute capability 7\.5"):
        hardware.check_hardware("auto", tmp_path)


def test_a_card_that_reports_no_memory_is_refused(
    driver: Driver,
) -> None:
    with pytest.raises(InputError, match="nothing usable for a card"):
        find_cards(driver("NVIDIA GB10, 12.1, [N/A], [N/A], 580.95\n"))


@pytest.mark.parametrize(
    ("number_format", "fault"),
    [
        (
            NumberFormat(method="compressed-tensors", bits=8, floating=True, activations="static"),
            "no CPU kernel runs fp8 with static activations",
        ),
        (
            NumberFormat(method="compressed-tensors", bits=8, activations="16-bit"),
            "no CPU kernel runs compressed-tensors, 8-bit integers",
        ),
        (GPTQ8, "no CPU kernel runs gptq, 8-bit integers"),
    ],
)
def test_formats_without_a_cpu_kernel_are_refused_before_loading(number_format: NumberFormat, fault: str) -> None:
    (sentence,) = faults((), load_hardware("cpu"), number_format)
    assert fault in sentence


@pytest.mark.parametrize("activations", ["dynamic", ""])
def test_w8a8_and_dynamic_fp8_run_on_a_cpu(activations: str) -> None:
    for floating in (False, True):
        assert not faults(
            (),
            load_hardware("cpu"),
            NumberFormat(method="compressed-tensors", bits=8, floating=floating, activations=activations),
        )
