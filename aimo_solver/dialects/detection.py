"""Detection: which dialect a checkpoint writes, by its chat template, its added tokens and its config.

Guarantees: the same files give the same dialect, with one sentence of reason; no weight is read and no model asked. The
rules are the table below: the first that fits is taken, and the others that fit are named. A dialect with a file here
comes before the template dialect, as it is checked against its family's own format; the template dialect comes before
plain chain of thought.
Not guaranteed: that the model was trained as its template says. A fine-tuned model with its base's template writes as
it was tuned; `--dialect` and a preset's `dialect` settle that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from aimo_solver.dialects.template import TemplateSupport, checkpoint_support
from aimo_solver.errors import AimoError
from aimo_solver.utils.paths import DEMO_MODEL

AUTO: Final = "auto"
"""The name that stands for the dialect of the checkpoint."""
HARMONY_TOKENS: Final = frozenset({"<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>"})
_DISTILLED: Final = frozenset({"llama", "qwen2", "qwen3"})
"""Model types of others that carry DeepSeek's template once they are distilled from DeepSeek-R1."""

FindSupport = Callable[[Path], TemplateSupport]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a checkpoint's files say about how it writes."""

    template: str = ""
    """The chat template, of several all; empty for a base model."""
    tokens: frozenset[str] = frozenset()
    """The added tokens."""
    model_type: str = ""
    names: str = ""
    """The folder's path and the name that config.json has, for models whose files are those of their base."""
    is_demo: bool = False
    """Whether the tokenizer is the demo model's, as in what was made from it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table."""

    dialect: str
    fits: Callable[[Evidence], bool]
    reason: str
    """A part of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """The dialect that was taken, and why."""

    dialect: str
    reason: str
    """A part of a sentence: "its chat template ..."."""
    others: tuple[str, ...] = ()
    """Dialects further down the table that would fit too."""

    @property
    def description(self) -> str:
        """One sentence without its end."""
        also = f"; {' and '.join(self.others)} would fit too, and come later" if self.others else ""
        return f"{self.reason}{also}"


def _has_json_calls(found: Evidence) -> bool:
    text = found.template
    return all(part in text for part in ("<|im_start|>", "<tool_call>", "<tool_response>")) and "<function=" not in text


RULES: Final[Sequence[Rule]] = (
    Rule("numina", lambda found: found.is_demo, "it is the demo model, or made from it"),
    Rule("harmony", lambda found: found.tokens >= HARMONY_TOKENS, "its tokenizer has gpt-oss's Harmony tokens"),
    Rule(
        "openmath",
        lambda found: re.search(r"openmath", found.names, re.IGNORECASE) is not None,
        "it is named after OpenMath, whose files are those of its base",
    ),
    Rule(
        "s1",
        lambda found: "<|im_start|>think" in found.template or re.search(r"\bs1(\.\d)?-\d+b", found.names) is not None,
        "its chat template, or its name, is s1's",
    ),
    Rule(
        "numina",
        lambda found: "### Problem:" in found.template and "### Solution:" in found.template,
        "its chat template is NuminaMath's",
    ),
    Rule(
        "numina",
        lambda found: "<|im_start|>" in found.template and "put your final answer within \\boxed{}" in _plain(found),
        "its chat template asks for a box, as Qwen2.5-Math's, which writes blocks of Python",
    ),
    Rule("hermes", _has_json_calls, "its chat template has ChatML and JSON calls in <tool_call> tags"),
    Rule("cot", lambda found: not found.template, "it has no chat template, as a base model"),
    Rule(
        "cot",
        lambda found: "<｜Assistant｜>" in found.template and found.model_type in _DISTILLED,
        "it has DeepSeek's chat template and another family's class: it is distilled, and not trained to call tools",
    ),
    Rule("cot", lambda found: "tool" not in found.template, "its chat template has no tools"),
)  # fmt: skip
"""Tried in this order, before the template dialect."""


def detect_dialect(folder: Path, *, thorough: bool = False, support: FindSupport = checkpoint_support) -> Detected:
    """Returns the dialect that goes with the checkpoint in a folder; `cot` where nothing else fits.

    `thorough`: whether the template dialect would fit too is found out even where a rule fits, which takes a second.
    """
    evidence = read_evidence(folder)
    fitting = [rule for rule in RULES if rule.fits(evidence)]
    if fitting:
        taken, *others = fitting
        names = dict.fromkeys(rule.dialect for rule in others if rule.dialect not in (taken.dialect, "cot"))
        if thorough and "tool" in evidence.template and _supported(folder, support).parser is not None:
            names["template"] = None
        return Detected(dialect=taken.dialect, reason=taken.reason, others=tuple(names))
    found = _supported(folder, support)
    return Detected(dialect="cot" if found.parser is None else "template", reason=found.reason)


def _supported(folder: Path, support: FindSupport) -> TemplateSupport:
    try:
        return support(folder)
    except AimoError as error:
        return TemplateSupport(parser=None, reason=str(error))


def read_evidence(folder: Path) -> Evidence:
    """Reads what the rules look at. What cannot be read counts as absent; `check_checkpoint` refuses it elsewhere."""
    config, settings = _read(folder / "config.json"), _read(folder / "tokenizer_config.json")
    listed, by_id = _read(folder / "tokenizer.json").get("added_tokens"), settings.get("added_tokens_decoder")
    return Evidence(
        template=_template(folder, settings),
        tokens=frozenset((*_added(listed), *_added(by_id))),
        model_type=str(config.get("model_type", "")),
        names=f"{folder.absolute()} {config.get('_name_or_path', '')}",
        is_demo=is_demo(folder),
    )


def is_demo(folder: Path) -> bool:
    """Returns whether the checkpoint is the demo model or made from it: a copy, a quantised or merged form."""
    ours = _bytes(DEMO_MODEL)
    return ours is not None and _bytes(folder) == ours


def _bytes(folder: Path) -> bytes | None:
    try:
        return (folder / "tokenizer.json").read_bytes()
    except OSError:
        return None


def _plain(found: Evidence) -> str:
    return found.template.replace("\\\\", "\\")


def _template(folder: Path, settings: dict[str, Any]) -> str:
    """Returns the template from where transformers reads it: files of their own come before the config's key."""
    files = [folder / "chat_template.jinja", *sorted((folder / "additional_chat_templates").glob("*.jinja"))]
    texts = [text for path in files if (text := _text(path))]
    if not texts:
        stored = _read(folder / "chat_template.json").get("chat_template") or settings.get("chat_template")
        if isinstance(stored, list):  # Several, each with a name.
            texts = [str(one.get("template", "")) for one in cast("list[dict[str, object]]", stored)]
        elif isinstance(stored, str):
            texts = [stored]
    return "\n".join(texts)


def _added(stored: object) -> list[str]:
    """Returns the tokens of a list, or of a table by id."""
    rows: list[object] = []
    if isinstance(stored, dict):
        rows = list(cast("dict[str, object]", stored).values())
    elif isinstance(stored, list):
        rows = cast("list[object]", stored)
    return [str(cast("dict[str, object]", row).get("content", "")) for row in rows if isinstance(row, dict)]


def _read(path: Path) -> dict[str, Any]:
    try:
        value: object = json.loads(_text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
