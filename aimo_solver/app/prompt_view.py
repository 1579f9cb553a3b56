"""What a model will read: a preset's prompt for one problem, in a checkpoint's own tokens, without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimo_solver.app.dialects import load_dialect, with_dialect
from aimo_solver.app.options import Overrides, preset_for
from aimo_solver.app.prompts import run_prompt
from aimo_solver.config.settings import load_preset
from aimo_solver.dialects.prompt import encode_prompt
from aimo_solver.dialects.prompt_parts import PromptPart, prompt_parts
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import AnswerRule


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """A whole prompt."""

    preset: str
    dialect: str
    dialect_reason: str
    contest: str
    parts: tuple[PromptPart, ...]

    @property
    def token_ids(self) -> list[int]:
        return [token_id for part in self.parts for token_id in part.token_ids]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        parts = [
            {"name": part.name, "tokens": len(part.token_ids), "text": part.text, "token_ids": list(part.token_ids)}
            for part in self.parts
        ]
        return {
            "preset": self.preset,
            "dialect": self.dialect,
            "dialect_reason": self.dialect_reason,
            "contest": self.contest,
            "tokens": len(self.token_ids),
            "text": self.text,
            "token_ids": self.token_ids,
            "parts": parts,
        }


def view_prompt(
    model: Path, problem: str, *, preset: str | None, rule: AnswerRule, overrides: Overrides | None = None
) -> PromptView:
    """Returns the prompt of a rollout. Needs the checkpoint's tokenizer only. Raises InputError, EngineLoadError."""
    name = preset if preset is not None else preset_for(model)
    chosen, reason = with_dialect((overrides or Overrides()).apply(load_preset(name)), model)
    try:
        dialect = load_dialect(chosen.dialect, model)
        prompt = run_prompt(chosen, dialect, rule)
    except InputError as error:
        raise InputError(f"preset {name}: {error}") from None
    tokenizer, prefill = HfTokenizer(model), chosen.rollout.prefill
    token_ids = encode_prompt(dialect, problem, tokenizer, prompt=prompt, prefill=prefill)
    return PromptView(
        preset=name,
        dialect=chosen.dialect,
        dialect_reason=reason,
        contest=rule.name,
        parts=prompt_parts(token_ids, problem, tokenizer, prompt=prompt, prefill=prefill),
    )
