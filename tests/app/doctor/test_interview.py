"""The process that asks: a crash, a hang and noise are one sentence; what was answered before counts."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from aimo_solver.app.doctor.interview import Answers, Question, ask_tokenizer, interview
from aimo_solver.config.settings import Hardware, load_hardware
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.chat_templates import write_checkpoint
from tests.helpers.stand_ins import write_stand_in
from tests.helpers.tokenizers import copy_tokenizer, relabel_tokenizer

TOKENIZER = 'print(\'{"tokenizer": {"dialect": "cot", "notes": [], "tokens": 5, "prompt_tokens": 1}}\', flush=True)'


def question(model: Path = DEMO_MODEL, preset: str = "demo") -> Question:
    """Asks the tokenizer only, as vLLM takes seconds to import."""
    return Question(model=model, hardware=load_hardware("cpu"), preset=preset, here=True, asks_engine=False)


def ask_program(code: str, seconds: float = 60.0) -> Answers:
    """Asks a program that stands in for the interview's."""
    return interview(question(), seconds=seconds, program=[sys.executable, "-c", code])


def test_a_hang_is_ended_at_the_limit_and_what_was_answered_counts() -> None:
    started_at = time.monotonic()
    answers = ask_program(f"import time; {TOKENIZER}; time.sleep(600)", seconds=2.0)
    assert time.monotonic() - started_at < 30
    assert answers.failure.startswith("no answer within 2 s; ")
    assert answers.tokenizer is not None and answers.tokenizer.tokens == 5


def test_a_hang_is_ended_with_the_processes_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"open({str(file)!r}, 'w').write(str(child.pid)); time.sleep(600)"
    )
    ask_program(code, seconds=3.0)
    pid = int(file.read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_crash_is_named_by_its_signal() -> None:
    answers = ask_program("import os; os.abort()")
    assert "was ended by SIGABRT" in answers.failure and ";" in answers.failure


def test_a_failure_is_named_by_its_last_line() -> None:
    answers = ask_program("raise RuntimeError('no libcudart')")
    assert "exit code 1: RuntimeError: no libcudart; " in answers.failure


def test_noise_between_the_answers_does_not_matter() -> None:
    answers = ask_program(f"print('INFO: [1, 2]'); print('3'); {TOKENIZER}")
    assert answers.failure == "" and answers.tokenizer is not None


def test_the_demo_models_tokenizer_writes_the_demo_presets_prompt() -> None:
    answers = interview(question())
    assert answers.failure == ""
    assert answers.tokenizer is not None and answers.tokenizer.fault == ""
    assert answers.tokenizer.dialect == "numina" and answers.tokenizer.prompt_tokens > 0
    assert answers.configuration is None


@pytest.mark.parametrize(
    ("template", "preset", "fault"),
    [
        ("{% for m in messages %}{{ m.content }", "default", "the chat template"),
        ("{{ raise_exception('Only tools') }}", "default", "cannot be rendered (Only tools)"),
        ("{{ messages[9].content }}", "default", "cannot be rendered"),
        ("{{ 1 // 0 }}", "default", "cannot be rendered"),
        ("{% if false %}x{% endif %}", "default", "leaves the problem's statement out"),
        (
            "{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}[end]{% endfor %}",
            "default",
            "leaves",
        ),
        ("[x]", "aimo3-public", "needs a gpt-oss tokenizer: this one has no token <|start|>"),
        ("[x]", "s1", "needs a ChatML tokenizer"),
        (None, "genselect-aimo2", "has no chat template"),
    ],
)
def test_what_the_preset_needs_of_the_tokenizer_is_checked(
    tmp_path: Path, template: str | None, preset: str, fault: str
) -> None:
    answer = ask_tokenizer(write_stand_in(tmp_path / "model", template=template), preset, Hardware())
    assert fault in answer.fault and ";" in answer.fault


def test_base_model_is_asked_in_plain_text_and_the_doctor_says_so(tmp_path: Path) -> None:
    answer = ask_tokenizer(write_stand_in(tmp_path / "model", template=None), "default", Hardware())
    assert (answer.fault, answer.dialect) == ("", "cot")
    assert answer.reason.startswith("it has no chat template, as a base model")


def test_doctor_takes_the_dialect_that_is_named(tmp_path: Path) -> None:
    folder = write_stand_in(tmp_path / "model", template="{{ messages[0].content }}")
    answer = ask_tokenizer(folder, "default", Hardware(), "Numina")
    assert (answer.dialect, answer.reason) == ("numina", "")
    assert "dialect must be one of auto, " in ask_tokenizer(folder, "default", Hardware(), "klingon").fault


def test_doctor_says_which_of_two_dialects_was_taken(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "qwen2_5")
    answer = ask_tokenizer(folder, "default", Hardware())
    assert answer.dialect == "hermes"
    assert answer.reason.endswith("; template would fit too, and come later")


def test_prompt_that_leaves_no_room_is_refused_before_loading(tmp_path: Path) -> None:
    folder = write_stand_in(tmp_path / "model")
    assert ask_tokenizer(folder, "default", Hardware()).fault == ""
    fault = ask_tokenizer(folder, "default", Hardware(max_model_len=70)).fault
    assert "the context has 70; shorten [prompt], or raise max_model_len" in fault


def test_label_that_other_programs_read_wrongly_is_a_note(tmp_path: Path) -> None:
    copy_tokenizer(DEMO_MODEL, tmp_path)
    assert ask_tokenizer(tmp_path, "demo", Hardware()).notes == ()
    relabel_tokenizer(tmp_path, "LlamaTokenizerFast")
    notes = ask_tokenizer(tmp_path, "demo", Hardware()).notes
    assert len(notes) == 1 and "reads other tokens than tokenizer.json has" in notes[0]


@pytest.mark.parametrize("content", ["{}", '{"model": {"type": "BPE"}}', '{"model": 3, "added_tokens": "x"}'])
def test_a_tokenizer_of_a_kind_that_cannot_be_read_is_refused(tmp_path: Path, content: str) -> None:
    folder = write_stand_in(tmp_path / "model")
    (folder / "tokenizer.json").write_text(content)
    assert "no readable tokenizer" in ask_tokenizer(folder, "default", Hardware()).fault


@pytest.mark.engine
def test_vllm_is_asked_about_the_demo_model() -> None:
    asked = Question(model=DEMO_MODEL, hardware=Hardware(cpu_kvcache_gib=1), preset="demo", here=True)
    answers = interview(asked)
    assert answers.failure == ""
    assert answers.configuration is not None
    assert answers.configuration.refusals == ()
    assert (answers.configuration.context_tokens, answers.configuration.architecture) == (4096, "LlamaForCausalLM")
