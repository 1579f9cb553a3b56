"""The dialect of a checkpoint is found in its files, by one table of rules."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aimo_solver.dialects import DIALECT_NAMES, DIALECTS
from aimo_solver.dialects.detection import HARMONY_TOKENS, RULES, Detected, detect_dialect, read_evidence
from aimo_solver.dialects.template import TemplateSupport
from aimo_solver.errors import EngineLoadError
from aimo_solver.utils.paths import DEMO_MODEL
from tests.helpers.chat_templates import write_checkpoint
from tests.helpers.stand_ins import write_stand_in

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)
NUMINA = (
    "{% for m in messages %}{% if m.role == 'user' %}### Problem: {{ m.content }}\n{% else %}### Solution: "
    "{{ m.content }}\n{% endif %}{% endfor %}### Solution: "
)


def never_asked(folder: Path) -> TemplateSupport:
    raise AssertionError(f"a rule fits {folder}")


def supported(folder: Path) -> TemplateSupport:
    return TemplateSupport(parser="any", reason="its chat template writes calls")


def detected(
    folder: Path, *, template: str | None, special: tuple[str, ...] = ("[end]",), **config: object
) -> Detected:
    return detect_dialect(
        write_stand_in(folder, template=template, special=special, config=config), support=never_asked
    )


def test_demo_model_and_what_was_made_from_it_write_numinas_dialect(tmp_path: Path) -> None:
    shutil.copytree(DEMO_MODEL, tmp_path / "copied")
    assert detect_dialect(tmp_path / "copied", support=never_asked).dialect == "numina"


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("qwen2_5", "hermes"),
        ("qwen3", "hermes"),
        ("qwen3_5", "template"),
        ("nemotron_3", "template"),
        ("glm_4_5", "template"),
        ("gemma_3", "cot"),
        ("llama_3_1", "template"),
    ],
)
def test_families_are_known_by_their_templates(tmp_path: Path, name: str, dialect: str) -> None:
    assert detect_dialect(write_checkpoint(tmp_path / "model", name), support=supported).dialect == dialect


def test_harmony_is_known_by_its_tokens(tmp_path: Path) -> None:
    found = detected(tmp_path / "model", template=CHATML, special=("[end]", *HARMONY_TOKENS))
    assert (found.dialect, found.reason) == ("harmony", "its tokenizer has gpt-oss's Harmony tokens")


def test_a_gpt_oss_config_without_harmonys_tokens_is_not_harmony(tmp_path: Path) -> None:
    assert detected(tmp_path / "model", template=CHATML, model_type="gpt_oss").dialect == "cot"


def test_numinas_template_is_known(tmp_path: Path) -> None:
    assert detected(tmp_path / "model", template=NUMINA).dialect == "numina"


@pytest.mark.parametrize("box", ["\\boxed{}", "\\\\boxed{}"])
def test_qwen_math_writes_blocks_of_python(tmp_path: Path, box: str) -> None:
    template = f"<|im_start|>system\nReason, and put your final answer within {box}.<|im_end|>\n{CHATML}"
    assert detected(tmp_path / "model", template=template).dialect == "numina"


@pytest.mark.parametrize(
    ("name", "dialect"),
    [("openmath-nemotron-14b/1", "openmath"), ("s1.1-32b", "s1"), ("s1-32b-awq", "s1"), ("pages1-7b", "cot")],
)
def test_models_whose_files_are_their_bases_are_known_by_name(tmp_path: Path, name: str, dialect: str) -> None:
    assert detected(tmp_path / name, template=CHATML).dialect == dialect


def test_name_that_the_config_holds_counts(tmp_path: Path) -> None:
    found = detected(tmp_path / "model", template=CHATML, _name_or_path="nvidia/OpenMath-Nemotron-7B")
    assert found.dialect == "openmath"


def test_base_model_gets_plain_chain_of_thought(tmp_path: Path) -> None:
    found = detected(tmp_path / "model", template=None)
    assert (found.dialect, found.description) == ("cot", "it has no chat template, as a base model")


def test_model_that_was_distilled_from_deepseek_is_not_asked_for_calls(tmp_path: Path) -> None:
    for model_type, dialect in (("llama", "cot"), ("qwen2", "cot"), ("deepseek_v3", "template")):
        folder = write_checkpoint(tmp_path / model_type, "deepseek_r1_0528")
        config = json.loads((folder / "config.json").read_text()) | {"model_type": model_type}
        (folder / "config.json").write_text(json.dumps(config))
        assert detect_dialect(folder, support=supported).dialect == dialect


def test_template_that_cannot_be_used_gives_plain_chain_of_thought_and_the_reason(tmp_path: Path) -> None:
    def refused(folder: Path) -> TemplateSupport:
        raise EngineLoadError("the chat template cannot be rendered")

    folder = write_stand_in(tmp_path / "model", template=CHATML + "{# tools #}")
    assert detect_dialect(folder, support=refused) == Detected(
        dialect="cot", reason="the chat template cannot be rendered"
    )


def test_when_two_fit_the_one_taken_and_the_other_are_named(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "openmath-7b", "qwen2_5")
    assert detect_dialect(folder, support=never_asked).others == ("hermes",)
    found = detect_dialect(folder, thorough=True, support=supported)
    assert (found.dialect, found.others) == ("openmath", ("hermes", "template"))
    assert found.description.endswith("; hermes and template would fit too, and come later")


def test_template_is_read_from_wherever_transformers_reads_it(tmp_path: Path) -> None:
    folder = write_stand_in(tmp_path / "model", template=NUMINA)
    settings = folder / "tokenizer_config.json"
    named = [{"name": "default", "template": NUMINA}, {"name": "tool_use", "template": "{{ tools }}"}]
    settings.write_text(json.dumps({"chat_template": named}))
    assert read_evidence(folder).template == f"{NUMINA}\n{{{{ tools }}}}"
    (folder / "chat_template.jinja").write_text(CHATML)
    assert read_evidence(folder).template == CHATML


@pytest.mark.parametrize("text", ["", "{", "[]", '{"added_tokens": 3, "chat_template": 4}', '{"added_tokens": [1]}'])
def test_damaged_files_count_as_absent(tmp_path: Path, text: str) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text(text)
    assert detect_dialect(tmp_path, support=never_asked).dialect == "cot"


def test_every_rule_names_a_dialect_and_every_dialect_has_a_rule_or_is_what_is_left() -> None:
    assert {rule.dialect for rule in RULES} == set(DIALECTS)
    assert set(DIALECT_NAMES) == {"auto", "template", *DIALECTS}
