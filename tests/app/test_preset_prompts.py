"""The shipped presets' prompts: every number in them is the setting it stands for, and nothing in them is untrue."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.app.prompts import prompt_facts, run_prompt
from aimo_solver.config.names import CodeMode
from aimo_solver.config.settings import Preset, load_preset
from aimo_solver.config.shipped import PRESETS
from aimo_solver.dialects import DIALECTS
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.dialects.prompt_facts import PromptFacts, greatest_answer
from aimo_solver.engine.scripted import ByteTokenizer
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule, answer_rule
from aimo_solver.rollouts.code_tool import CodeTool
from aimo_solver.sandbox.libraries import available_libraries

NAMES: Final = sorted(path.stem for path in PRESETS.glob("*.toml"))
RULES: Final = (answer_rule("aimo1"), answer_rule("aimo2"), answer_rule("aimo3"), ANY_INTEGER)
BARE: Final = ("demo", "demo-dvts", "demo-genselect", "demo-rstar", "demo-table", "numina-aimo1")
"""Presets for checkpoints that were trained on the bare problem."""
TOKENIZER: Final = ByteTokenizer(("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|im_start|>"))
STATEMENT: Final = "What is asked?"
_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_NUMBER_WORDS: Final = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|hundred|thousand|million)\b", re.I
)
Claim = tuple[str, Callable[[PromptFacts], list[str]]]
CLAIMS: Final[tuple[Claim, ...]] = (
    (rf"from ({_NUMBER}) to ({_NUMBER})", lambda facts: [str(facts.rule.minimum), str(greatest_answer(facts.rule))]),
    (rf"integer of at least ({_NUMBER})", lambda facts: [str(facts.rule.minimum)]),
    (rf"integer of at most ({_NUMBER})", lambda facts: [str(greatest_answer(facts.rule))]),
    (rf"remainder modulo ({_NUMBER})", lambda facts: [str(facts.rule.modulus)]),
    (rf"after ({_NUMBER}) seconds", lambda facts: [f"{facts.timeout_seconds:g}"]),
    (rf"longer than ({_NUMBER}) characters", lambda facts: [str(facts.output_chars)]),
    (rf"limited to ({_NUMBER})", lambda facts: [str(facts.code_rounds)]),
    (rf"up to ({_NUMBER}) Python code calls", lambda facts: [str(facts.code_rounds)]),
    (rf"has ({_NUMBER}) GiB of memory", lambda facts: [f"{facts.memory_bytes / 2**30:.4g}"]),
    (r"Current date: (\d{4}-\d\d-\d\d)", lambda facts: [facts.date.isoformat()]),
    (r"Knowledge cutoff: (\d{4}-\d\d)", lambda facts: ["2024-06"]),  # gpt-oss's own.
)
"""How numbers are stated in prompts, and what they stand for."""


def dialects_of(preset: Preset) -> list[Dialect]:
    """Returns the dialects that a preset may be run in."""
    return [*DIALECTS.values()] if preset.dialect == "auto" else [DIALECTS[preset.dialect]]


def written(preset: Preset, dialect: Dialect, rule: AnswerRule) -> str:
    """Returns the prompt that a model reads, without the statement."""
    prompt = run_prompt(preset, dialect, rule)
    token_ids = encode_prompt(dialect, STATEMENT, TOKENIZER, prompt=prompt, prefill=preset.rollout.prefill)
    return TOKENIZER.decode(token_ids).replace(STATEMENT, "")


def check_numbers(text: str, facts: PromptFacts) -> None:
    """Checks every number of the text against the setting it stands for; one that stands for none is a fault."""
    for library in facts.libraries:  # Some have digits in their names.
        text = text.replace(library, "")
    for pattern, stated in CLAIMS:
        for match in re.finditer(pattern, text):
            assert list(match.groups()) == stated(facts), match[0]
        text = re.sub(pattern, "", text)
    assert not re.search(r"\d", text), text
    assert not _NUMBER_WORDS.search(text), text


def made_up_rule(least: int, width: int, modulus: int | None) -> AnswerRule:
    return AnswerRule("made-up", minimum=least, maximum=least + width, modulus=modulus, fallback=least)


bounds = st.integers(-99, 99)
rules = st.one_of(
    st.sampled_from(RULES),
    st.builds(made_up_rule, bounds, st.integers(1, 10**6), st.one_of(st.none(), st.integers(2, 10**6))),
    bounds.map(lambda least: AnswerRule("from", minimum=least)),
    bounds.map(lambda greatest: AnswerRule("up-to", maximum=greatest)),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_the_setting_it_stands_for(name: str, rule: AnswerRule) -> None:
    preset = load_preset(name)
    for dialect in dialects_of(preset):
        facts = prompt_facts(preset, dialect, rule)
        tool = CodeTool(dialect, preset.rollout)
        assert (facts.timeout_seconds, facts.output_chars) == (tool.timeout_seconds, tool.output_chars)
        assert facts.memory_bytes == preset.sandbox_memory_bytes
        assert facts.date == date.today()
        check_numbers(written(preset, dialect, rule), facts)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    rule=rules,
    timeout_seconds=st.floats(0.5, 900).map(lambda value: round(value, 2)),
    output_chars=st.integers(1, 10**6),
    code_rounds=st.integers(0, 99),
    memory_gib=st.integers(1, 64),
    code=st.sampled_from(CodeMode),
)
def test_every_number_follows_its_setting(
    name: str,
    rule: AnswerRule,
    timeout_seconds: float,
    output_chars: int,
    code_rounds: int,
    memory_gib: int,
    code: CodeMode,
) -> None:
    preset = load_preset(name)
    rollout = replace(
        preset.rollout,
        code_timeout_seconds=timeout_seconds,
        output_chars=output_chars,
        code_rounds=code_rounds,
        code=code,
    )
    preset = replace(preset, rollout=rollout, sandbox_memory_bytes=memory_gib * 2**30)
    for dialect in dialects_of(preset):
        facts = prompt_facts(preset, dialect, rule)
        if not facts.runs_code and "{timeout_seconds}" in (preset.prompt.user or ""):
            continue  # Its own words are about code: refused, which another test holds.
        check_numbers(written(preset, dialect, rule), facts)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in BARE])
def test_every_model_is_asked_for_a_box_and_reads_which_answers_count(name: str, rule: AnswerRule) -> None:
    preset = load_preset(name)
    for dialect in dialects_of(preset):
        if preset.dialect == "auto" and dialect.name == "numina":
            continue  # Detected only for checkpoints that were trained on the bare problem.
        text = written(preset, dialect, rule)
        assert "\\boxed{}" in text
        assert re.search(r"\ban integer\b", text)
        if rule.maximum is not None:
            assert f"from {rule.minimum} to {rule.maximum}" in text
        if rule.modulus is not None:
            assert f"modulo {rule.modulus}" in text


@pytest.mark.parametrize("name", NAMES)
def test_no_prompt_promises_what_the_sandbox_does_not_have(name: str) -> None:
    preset = load_preset(name)
    for dialect in dialects_of(preset):
        text = written(preset, dialect, ANY_INTEGER)
        assert "/mnt/data" not in text
        assert "UNKNOWN" not in text
        if "Python's own:" in text or "Python's own: " in text:
            listed = re.search(r"Python's own: ([\w, ]+)\.", text)
            assert listed is not None
            assert tuple(listed[1].split(", ")) == available_libraries()


@pytest.mark.parametrize("code", [CodeMode.OFF, CodeMode.DISABLED])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "imagination-aimo2"])
def test_where_no_code_runs_none_is_promised(name: str, code: CodeMode) -> None:
    preset = load_preset(name)
    preset = replace(preset, rollout=replace(preset.rollout, code=code))
    for dialect in dialects_of(preset):
        text = written(preset, dialect, ANY_INTEGER)
        assert "seconds" not in text
        assert "# Tools" not in text
        assert "code calls" not in text


@pytest.mark.parametrize("name", BARE)
def test_models_that_were_trained_on_the_bare_problem_read_nothing_else(name: str) -> None:
    preset = load_preset(name)
    for rule in RULES:
        text = written(preset, DIALECTS["numina"], rule)
        assert text == f"user: <|end|>\nassistant: {preset.rollout.prefill}"
