"""Runs the doctor's checks.

Guarantees: one line per check, and a cure with every fault; a check that itself fails is a fault, not a
traceback. Not guaranteed: that what passes starts. What vLLM refuses only once it makes layers, it says
when it loads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aimo_solver.app.doctor.finding import Finding, Severity
from aimo_solver.app.doctor.interview import Answers, Question, interview
from aimo_solver.app.doctor.machine import check_cards, check_disk, check_inputs, check_sandbox
from aimo_solver.app.doctor.memory import check_memory
from aimo_solver.app.doctor.packages import (
    FindPackage,
    check_compiler,
    check_cuda,
    check_engine,
    check_python,
    check_versions,
    engine_name,
    find_nvcc,
    find_package,
)
from aimo_solver.app.doctor.refusals import check_configuration
from aimo_solver.app.options import preset_for
from aimo_solver.app.runtime import sandbox_layers
from aimo_solver.config.settings import Hardware, load_preset
from aimo_solver.engine.checkpoint import advised_sampling, check_checkpoint, check_writes_text, vocabulary_size
from aimo_solver.engine.engine_arguments import argument_faults
from aimo_solver.engine.hardware import AUTO, KAGGLE_CARDS, Card, choose_hardware, faults, find_cards, find_hardware
from aimo_solver.engine.number_format import SLOW_ON_CPU, read_number_format
from aimo_solver.engine.weight_files import weight_bytes
from aimo_solver.errors import AimoError

READ_FROM_CHECKPOINT: Final = ("hardware", "tokenizer", "dialect", "sampling", "vllm", "memory")
Check = Callable[[], Finding | list[Finding]]


@dataclass(frozen=True, slots=True)
class DoctorTarget:
    """What is to be started: a checkpoint with hardware settings, and the folder of attached inputs."""

    model: Path
    hardware: str
    """A name, a file, or `auto`."""
    inputs: Path
    preset: str | None = None
    """A preset by name or file; None means the one that goes with the model."""
    dialect: str | None = None
    """Another dialect than the preset's."""
    contest: str = ""
    """The file of a contest that is not shipped, so that it is known when it is attached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How the doctor looks at the machine it runs on; tests give it another."""

    cards: Callable[[], Sequence[Card]] = find_cards
    find_package: FindPackage = find_package
    find_nvcc: Callable[[], str] = find_nvcc
    layers: Callable[[], Mapping[str, str]] = sandbox_layers
    check_checkpoint: Callable[[Path], None] = check_checkpoint
    interview: Callable[[Question], Answers] = interview


def diagnose(target: DoctorTarget, machine: Machine | None = None) -> list[Finding]:
    """Runs every check, in the order in which a start would fail.

    Settings for one of Kaggle's machines are checked against its cards where there are none here. A checkpoint
    that cannot be read is one fault: what would be read from it is not checked.
    """
    return _Examination(target, machine or Machine()).run()


class _Examination:
    """One pass over the checks, and what later ones need of earlier ones."""

    def __init__(self, target: DoctorTarget, machine: Machine) -> None:
        self._target, self._machine = target, machine
        self._found: list[Finding] = []
        self._answers = Answers()

    def run(self) -> list[Finding]:
        """Returns the findings of all checks."""
        target, machine, packages = self._target, self._machine, self._machine.find_package
        checks: dict[str, Check] = {
            "python": check_python,
            "cards": lambda: check_cards(machine.cards(), KAGGLE_CARDS.get(target.hardware, ())),
            "engine": lambda: check_engine(bool(machine.cards()), packages),
            "versions": lambda: check_versions(packages),
            "cuda": lambda: check_cuda(machine.cards(), packages),
            "checkpoint": self._checkpoint,
            "hardware": self._hardware,
            "compiler": self._compiler,
            "tokenizer": self._tokenizer,
            "dialect": self._dialect,
            "sampling": self._sampling,
            "vllm": self._vllm,
            "memory": self._memory,
            "inputs": lambda: check_inputs(target.inputs, target.contest),
            "sandbox": lambda: check_sandbox(machine.layers()),
            "disk": check_disk,
        }
        for name, check in checks.items():
            if name in READ_FROM_CHECKPOINT and self._is_faulty("checkpoint"):
                continue
            try:
                outcome = check()
            except AimoError as error:
                outcome = Finding(name, Severity.FAULT, str(error))
            except Exception as error:  # noqa: BLE001  A config can hold anything.
                outcome = Finding(name, Severity.FAULT, f"cannot be checked ({type(error).__name__}: {error})")
            self._found += outcome if isinstance(outcome, list) else [outcome]
        return self._found

    def _is_faulty(self, name: str) -> bool:
        return any(one.name == name and one.severity is Severity.FAULT for one in self._found)

    def _settings(self) -> tuple[Hardware, Sequence[Card], bool]:
        """Returns the settings, the cards they are meant for, and whether these are this machine's."""
        here = self._machine.cards()
        cards = here or KAGGLE_CARDS.get(self._target.hardware, ())
        hardware = find_hardware(self._target.hardware, cards)
        on_cpu = hardware.cpu_kvcache_gib is not None
        return hardware, () if on_cpu else cards, bool(here) or on_cpu or not cards

    def _checkpoint(self) -> Finding:
        model = self._target.model
        self._machine.check_checkpoint(model)
        size = weight_bytes(model) / 2**20
        return Finding("checkpoint", Severity.OK, f"{model}: {size:,.0f} MiB, {read_number_format(model).description}")

    def _hardware(self) -> list[Finding]:
        hardware, cards, _ = self._settings()
        name = choose_hardware(cards) if self._target.hardware == AUTO else self._target.hardware
        number_format = read_number_format(self._target.model)
        found = faults(cards, hardware, number_format) + argument_faults(hardware.engine or {})
        if found:
            return [Finding("hardware", Severity.FAULT, f"{name}: {fault}") for fault in found]
        if hardware.cpu_kvcache_gib is not None and number_format.slow_on_cpu:
            return [Finding("hardware", Severity.WARN, SLOW_ON_CPU)]
        parts = f"{hardware.dtype}, {hardware.tensor_parallel} card(s), KV cache {hardware.kv_cache_dtype}"
        return [Finding("hardware", Severity.OK, f"{name}: {parts}, {hardware.max_num_seqs} streams")]

    def _compiler(self) -> list[Finding]:
        hardware, cards, here = self._settings()
        machine = self._machine
        return check_compiler(hardware, cards, machine.find_package, here=here, find_nvcc=machine.find_nvcc)

    def _tokenizer(self) -> Finding | list[Finding]:
        hardware, _, here = self._settings()
        preset = self._target.preset or preset_for(self._target.model)
        load_preset(preset)  # Refuses an unknown one before anything is asked.
        check_writes_text(self._target.model)
        asked = Question(
            model=self._target.model,
            hardware=hardware,
            preset=preset,
            dialect=self._target.dialect,
            here=here,
            asks_engine=not self._is_faulty("engine"),
        )
        self._answers = self._machine.interview(asked)
        answer = self._answers.tokenizer
        if answer is None:
            return Finding("tokenizer", Severity.FAULT, self._answers.failure or "nothing was answered; ask again")
        if answer.fault:
            return Finding("tokenizer", Severity.FAULT, f"preset {preset}: {answer.fault}")
        vocabulary = vocabulary_size(self._target.model) or math.inf
        if vocabulary < answer.prompt_tokens or vocabulary < answer.tokens:
            severity = Severity.FAULT if vocabulary < answer.prompt_tokens else Severity.WARN
            text = f"the tokenizer has {answer.tokens:,} tokens, and the model {vocabulary:,}; copy the model's own"
            return Finding("tokenizer", severity, text)
        if answer.notes:
            return [Finding("tokenizer", Severity.WARN, note) for note in answer.notes]
        text = f"{answer.tokens:,} tokens; preset {preset}, dialect {answer.dialect}: its prompt can be written"
        return Finding("tokenizer", Severity.OK, text)

    def _dialect(self) -> list[Finding]:
        """Reports why the dialect was taken that the tokenizer check's question names; nothing where it was named."""
        answer = self._answers.tokenizer
        if answer is None or not answer.reason:
            return []
        return [Finding("dialect", Severity.OK, f"{answer.dialect}: {answer.reason}")]

    def _sampling(self) -> list[Finding]:
        """Compares the preset's sampling with what the checkpoint advises; says nothing where they agree."""
        target = self._target
        drawn = load_preset(target.preset or preset_for(target.model)).rollout
        advised = advised_sampling(target.model)
        differing = {name: value for name, value in advised.items() if value != getattr(drawn, name, 1.0)}
        if not differing:
            return []
        listed = ", ".join(f"{name} = {value:g}" for name, value in differing.items())
        ours = ", ".join(f"{name} = {getattr(drawn, name):g}" for name in differing if hasattr(drawn, name))
        kept = f"; this preset draws with {ours}" if ours else ""
        text = f"generation_config.json advises {listed}, which no run takes by itself{kept}"
        return [Finding("sampling", Severity.OK, text)]

    def _vllm(self) -> list[Finding]:
        """Reports what vLLM answered to the tokenizer check's question."""
        if self._is_faulty("engine"):
            return []
        hardware, cards, here = self._settings()
        engine = engine_name(self._machine.find_package)
        if self._answers.configuration is None:
            failure = self._answers.failure
            return [Finding("vllm", Severity.FAULT, f"{engine}: {failure}")] if self._answers.tokenizer else []
        return check_configuration(self._answers.configuration, hardware, cards, engine=engine, here=here)

    def _memory(self) -> Finding:
        hardware, cards, _ = self._settings()
        answered = self._answers.configuration
        return check_memory(self._target.model, hardware, cards, 0 if answered is None else answered.context_tokens)
