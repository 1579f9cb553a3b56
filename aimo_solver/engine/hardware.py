"""Hardware: which cards a machine has, which settings fit them, and what cannot run on them.

Guarantees: nothing is loaded and no driver library is called; `nvidia-smi` is run once, with a
time limit of seconds. Sources of the limits: vLLM's documentation (supported hardware, FP8), and
its issues on Turing cards (#44403, #47549). What else vLLM refuses, it reports when it loads.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aimo_solver.config.settings import Hardware, load_hardware
from aimo_solver.engine.engine_arguments import argument_faults
from aimo_solver.engine.number_format import NumberFormat, read_number_format
from aimo_solver.errors import InputError

AUTO: Final = "auto"
MIN_CAPABILITY: Final = (7, 5)
"""Compute capability that current vLLM builds need."""
_BFLOAT16_CAPABILITY: Final = (8, 0)
_FP8_CACHE_CAPABILITY: Final = (8, 9)
_QUERY_SECONDS: Final = 20.0
_FIELDS: Final = ("name", "compute_cap", "memory.total", "memory.free", "driver_version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One GPU."""

    name: str
    capability: tuple[int, int]
    memory_bytes: int
    free_bytes: int
    driver: str

    @property
    def description(self) -> str:
        """Name, memory and compute capability."""
        major, minor = self.capability
        return f"{self.name} ({self.memory_bytes / 2**30:.0f} GiB, compute capability {major}.{minor})"


def _kaggle_card(name: str, capability: tuple[int, int], memory_gib: int) -> Card:
    memory_bytes = memory_gib * 2**30
    return Card(name=name, capability=capability, memory_bytes=memory_bytes, free_bytes=memory_bytes, driver="580")


KAGGLE_CARDS: Final[Mapping[str, tuple[Card, ...]]] = {
    "t4x2": (_kaggle_card("Tesla T4", (7, 5), 15),) * 2,
    "l4x4": (_kaggle_card("NVIDIA L4", (8, 9), 22),) * 4,
    "h100": (_kaggle_card("NVIDIA H100 80GB HBM3", (9, 0), 79),),
}
"""The cards that the shipped settings are made for, to check settings on a machine without them."""


def find_cards(run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run) -> tuple[Card, ...]:
    """Returns this machine's NVIDIA cards; none without a driver. Raises InputError if the driver does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        result = run(command, capture_output=True, text=True, timeout=_QUERY_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"nvidia-smi does not answer ({error}); restart the machine") from error
    if result.returncode != 0:
        lines = (result.stdout or result.stderr).strip().splitlines()
        raise InputError(f"nvidia-smi fails ({lines[0] if lines else result.returncode}); check the driver")
    return tuple(_parse_card(line) for line in result.stdout.splitlines() if line.strip())


def _parse_card(line: str) -> Card:
    try:
        name, capability, total, free, driver = (part.strip() for part in line.split(","))
        major, _, minor = capability.partition(".")
        return Card(
            name=name,
            capability=(int(major), int(minor or 0)),
            memory_bytes=int(total) * 2**20,
            free_bytes=int(free) * 2**20,
            driver=driver,
        )
    except ValueError:
        raise InputError(f"nvidia-smi reports nothing usable for a card ({line.strip()}); name the hardware") from None


def choose_hardware(cards: Sequence[Card]) -> str:
    """Returns the name of the shipped settings for these cards."""
    if not cards:
        return "cpu"
    name = cards[0].name
    if "T4" in name.split() and len(cards) >= 2:
        return "t4x2"
    if "L4" in name.split() and len(cards) >= 4:
        return "l4x4"
    if any(model in name for model in ("H100", "H200")):
        return "h100"
    return "cuda"


def find_hardware(name_or_file: str, cards: Sequence[Card]) -> Hardware:
    """Loads settings by name or file; `auto` means those for the given cards."""
    return load_hardware(choose_hardware(cards) if name_or_file == AUTO else name_or_file)


def check_hardware(name_or_file: str, checkpoint: Path) -> Hardware:
    """Returns the settings if this checkpoint can run with them here. Raises InputError with all that prevents it.

    The ladder's steps are checked for the names and types of vLLM's arguments only.
    """
    hardware = None if name_or_file == AUTO else load_hardware(name_or_file)
    cards = () if hardware is not None and hardware.cpu_kvcache_gib else find_cards()
    hardware = hardware or find_hardware(AUTO, cards)
    found = faults(cards, hardware, read_number_format(checkpoint))
    for settings in (hardware, *hardware.steps):
        found += argument_faults(settings.engine or {})
    if found:
        raise InputError("; and ".join(found))
    return hardware


def faults(cards: Sequence[Card], hardware: Hardware, number_format: NumberFormat) -> list[str]:
    """Returns what cannot run here, one sentence with its cure per fault; empty if none is known."""
    if not cards:
        return _cpu_faults(hardware, number_format)
    found: list[str] = []
    weakest = min(cards, key=lambda card: card.capability)
    if weakest.capability < MIN_CAPABILITY:
        found.append(
            f"{weakest.description} is below compute capability 7.5, which vLLM needs; choose a T4, L4 or H100"
        )
        return found
    if hardware.tensor_parallel > len(cards):
        found.append(
            f"tensor_parallel must be at most {len(cards)}, the number of cards, got {hardware.tensor_parallel}; "
            "choose other hardware settings"
        )
    if hardware.dtype == "bfloat16" and weakest.capability < _BFLOAT16_CAPABILITY:
        found.append(f'{weakest.description} has no bfloat16; set dtype = "float16"')
    if hardware.kv_cache_dtype.startswith("fp8") and weakest.capability < _FP8_CACHE_CAPABILITY:
        found.append(f'{weakest.description} cannot hold an fp8 KV cache; set kv_cache_dtype = "auto"')
    if number_format.bits == 4 and number_format.floating and weakest.capability < _BFLOAT16_CAPABILITY:
        found.append(
            f"{weakest.description} cannot run {number_format.description}; use a GPTQ or AWQ checkpoint of the model"
        )
    return found


def _cpu_faults(hardware: Hardware, number_format: NumberFormat) -> list[str]:
    found: list[str] = []
    if hardware.tensor_parallel > 1:
        found.append(f"tensor_parallel must be 1 without a GPU, got {hardware.tensor_parallel}; use hardware cpu")
    if hardware.kv_cache_dtype.startswith("fp8"):
        found.append('an fp8 KV cache needs a GPU; set kv_cache_dtype = "auto"')
    if (
        number_format.bits == 8
        and not number_format.floating
        and (number_format.method == "gptq" or number_format.activations == "16-bit")
    ):
        found.append(f"no CPU kernel runs {number_format.description}; use a 4-bit GPTQ checkpoint, or a GPU")
    if number_format.floating and number_format.activations == "static":
        found.append("no CPU kernel runs fp8 with static activations; use fp8-dynamic, or a GPU")
    return found
