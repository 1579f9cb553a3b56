"""What vLLM refuses, in a sentence that names the cure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from aimo_solver.app.doctor.finding import Finding, Severity
from aimo_solver.config.settings import Hardware
from aimo_solver.engine.hardware import Card
from aimo_solver.engine.vllm.configuration import Configuration

_OTHER_FORM: Final = "use a GPTQ, AWQ, FP8 or unquantised form of the model"
_ONLY_THIS_BUILD: Final = re.compile(
    r"desc_act=True\) is no longer supported|Unknown quantization method: bitsandbytes|failed to be inspected"
)
"""What the CPU build refuses and the vLLM of the locked environments for cards does not: 0.24 still runs both of the
methods, and with torchvision there a model that sees can be imported."""
_SENTENCES: Final[Sequence[tuple[str, str]]] = (
    (
        r"Unknown quantization method: (?P<what>\S+)\.",
        f"its quantisation method {{what}} is not one that {{engine}} runs; {_OTHER_FORM}",
    ),
    (
        r"(?P<what>[\w-]+) quantization is currently not supported",
        f"its quantisation method {{what}} does not run on this kind of machine; {_OTHER_FORM}",
    ),
    (
        # vLLM 0.32 gives the exception a format and its argument.
        r"quantization method (%s is deprecated.*, ')?(?P<what>[\w-]+)('\)| is deprecated)",
        f"its quantisation method {{what}} is deprecated in {{engine}}; {_OTHER_FORM}, "
        "or set allow_deprecated_quantization = true in [engine]",
    ),
    (
        r"Unsupported quantization config: bits=(?P<bits>\S+), sym=(?P<sym>\S+)",
        "no kernel runs GPTQ with bits = {bits} and sym = {sym}; quantise again with 4 or 8 bits and sym = true",
    ),
    (
        r"desc_act=True\) is no longer supported",
        "its GPTQ weights are in activation order (desc_act = true), which {engine} no longer runs; take vLLM 0.24, "
        "which does, or quantise again with desc_act = false",
    ),
    (
        r"model type `(?P<what>[^`]+)` but Transformers does not recognize",
        "its model type {what} is unknown to {engine} and the transformers beside it; correct it in config.json, or "
        "install versions that know it",
    ),
    (
        r"(custom code which must be executed|trust_remote_code|--trust-remote-code)",
        "it needs custom code (auto_map in its config.json), which is never run here; use a model whose class vLLM "
        "has itself",
    ),
    (
        r"[Mm]odel architectures \[(?P<what>[^\]]*)\] failed to be inspected",
        "{engine} has its class {what} and cannot import it here, as for models that see where torchvision is not "
        "installed; use the model's text-only form, or another environment",
    ),
    (
        r"Should have a `model_type` key",
        "its config.json names no model type (model_type); copy the model's own config.json",
    ),
    (
        r"[Mm]odel architectures? \[?(?P<what>[^\]]*?)\]? (are|is|failed|has)",
        "its class {what} is not one that {engine} runs; use another model, or a vLLM that has this class",
    ),
    (
        r"[Nn]o model architectures are specified",
        "its config.json names no class (architectures), so it is no whole model; copy the model's own config.json",
    ),
    (
        r"model type '(?P<what>[^']+)' does not support float16",
        "its model type {what} does not compute in float16; use cards that have bfloat16 (L4, H100) and dtype = "
        '"bfloat16"',
    ),
)


def sentence(refusal: str, *, engine: str, hardware: Hardware) -> str:
    """Returns vLLM's refusal in our words where it is of a known kind, else as it is, with a cure."""
    heads = re.search(r"attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size", refusal)
    if heads:
        total, size = int(heads["heads"]), hardware.tensor_parallel
        fits = max((n for n in range(1, size) if total % n == 0), default=1)
        return (
            f"tensor_parallel must divide the model's {total} attention heads, got {size}; set tensor_parallel = {fits}"
        )
    for pattern, words in _SENTENCES:
        if match := re.search(pattern, refusal):
            return words.format(engine=engine, **match.groupdict())
    return f"{engine} refuses it: {refusal.rstrip('.')}; choose a checkpoint or settings it can run"


def check_configuration(
    found: Configuration, hardware: Hardware, cards: Sequence[Card], *, engine: str, here: bool
) -> list[Finding]:
    """Returns what vLLM's answer means for these cards. What a CPU build cannot say of them is compared here.

    `here`: vLLM was asked on the machine itself, and has compared its cards already.
    """
    older = [] if here else [refusal for refusal in found.refusals if _ONLY_THIS_BUILD.search(refusal)]
    faults = [sentence(one, engine=engine, hardware=hardware) for one in found.refusals if one not in older]
    if not found.writes_text:
        faults.append(f"{found.architecture} scores or reads, and does not write text; use a language model")
    if cards:
        faults += _card_faults(found, hardware, min(cards, key=lambda card: card.capability))
    findings = [Finding("vllm", Severity.FAULT, fault) for fault in faults]
    for refusal in older:
        findings.append(Finding("vllm", Severity.WARN, sentence(refusal, engine=engine, hardware=hardware)))
    wanted = hardware.max_model_len
    if wanted is not None and 0 < found.context_tokens < wanted:
        text = (
            f"max_model_len = {wanted:,} is more than the checkpoint has, and is clamped to {found.context_tokens:,}; "
            f"set max_model_len = {found.context_tokens}"
        )
        findings.append(Finding("vllm", Severity.WARN, text))
    if not findings:
        parts = [found.architecture, found.quantization or "not quantised", f"context {found.context_tokens:,}"]
        asked = engine if here else f"{engine}, without its cards"
        findings.append(Finding("vllm", Severity.OK, f"{asked}: {', '.join(parts)}"))
    return findings


def _card_faults(found: Configuration, hardware: Hardware, card: Card) -> list[str]:
    faults: list[str] = []
    major, minor = divmod(found.min_capability, 10)
    if card.capability < (major, minor):
        faults.append(
            f"{found.quantization} needs compute capability {major}.{minor}, and {card.description} is below; "
            "use a GPTQ or AWQ checkpoint of the model"
        )
        return faults
    dtype = found.dtype if hardware.dtype == "auto" else hardware.dtype
    names = {"half": "float16", "float": "float32"}
    if found.activation_dtypes and names.get(dtype, dtype) not in found.activation_dtypes:
        faults.append(
            f"{found.quantization} computes in {' or '.join(found.activation_dtypes)}, got dtype {dtype}; set "
            f'dtype = "{found.activation_dtypes[0]}", or use another form of the model where the cards lack it'
        )
    return faults
