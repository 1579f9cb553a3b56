"""Checkpoint folders with a family's chat template (tests/dialects/templates) and a small tokenizer with its tokens."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from transformers import PreTrainedTokenizerFast

from aimo_solver.dialects.template import TemplateDialect, make_template_dialect
from aimo_solver.dialects.tool import python_tool
from aimo_solver.engine.chat_template import ChatTemplate
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.tool_calls import CallReader, ToolCall
from aimo_solver.utils.paths import DEMO_MODEL

TEMPLATES: Final = Path(__file__).parents[1] / "dialects" / "templates"
_CHATML = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
_TAGS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
_DEEPSEEK = (
    "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>",
    "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>",
    "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>",
)  # fmt: skip
_MISTRAL = (
    "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
)  # fmt: skip
TOKENS: Final[Mapping[str, Sequence[str]]] = {
    "qwen2_5": (*_CHATML, "<tool_call>", "</tool_call>"),
    "qwen3": (*_CHATML, *_TAGS),
    "qwen3_5": (*_CHATML, *_TAGS),
    "nemotron_3": (*_CHATML, *_TAGS),
    "nemotron_nano_2": ("<s>", "<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>", "<think>", "</think>"),
    "glm_4_5": (
        "<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", *_TAGS,
        "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>",
    ),
    "gemma_3": ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
    "gemma_4": (
        "<bos>", "<eos>", "<|turn>", "<turn|>", "<|think|>", "<|channel>", "<channel|>", "<|tool>", "<tool|>",
        "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", '<|"|>',
    ),
    "deepseek_v3": _DEEPSEEK,
    "deepseek_v3_1": _DEEPSEEK,
    "deepseek_r1_0528": _DEEPSEEK,
    "mistral_v3": _MISTRAL,
    "ministral_3": (*_MISTRAL, "[ARGS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[THINK]", "[/THINK]"),
    "llama_3_1": ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>"),
}  # fmt: skip
"""By template: the tokens that its family has."""
_STARTS: Final = ("<bos>", "<s>", "<｜begin▁of▁sentence｜>", "<|begin_of_text|>")
_ENDS: Final = ("<|im_end|>", "</s>", "<｜end▁of▁sentence｜>", "<|eot_id|>", "<eos>", "<|endoftext|>", "<SPECIAL_12>")


def write_tokenizer(folder: Path, name: str, *, more_tokens: Sequence[str] = ()) -> Path:
    """Writes the tokenizer and the chat template of a family: the demo model's pieces, and the family's tokens."""
    tokens = [*TOKENS[name], *more_tokens]
    tokenizer = PreTrainedTokenizerFast.from_pretrained(
        DEMO_MODEL,
        local_files_only=True,
        extra_special_tokens=tokens,
        bos_token=next((token for token in _STARTS if token in tokens), None),
        eos_token=next(token for token in _ENDS if token in tokens),
    )
    tokenizer.chat_template = (TEMPLATES / f"{name}.jinja").read_text()
    tokenizer.save_pretrained(folder)
    return folder


def write_checkpoint(folder: Path, name: str) -> Path:
    """Writes the demo model with a family's tokenizer: what the checks before loading look at."""
    shutil.copytree(DEMO_MODEL, folder)
    return write_tokenizer(folder, name)


class NoReader:
    """A fake CallReader that reads no call."""

    def read(self, text: str) -> Sequence[ToolCall]:
        return ()


def template_dialect(tokenizer: HfTokenizer, reader: CallReader) -> TemplateDialect:
    return make_template_dialect(ChatTemplate(tokenizer), reader)


PYTHON: Final = python_tool("Runs Python code.")
