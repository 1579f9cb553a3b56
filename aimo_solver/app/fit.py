"""Fit: what a checkpoint, its tokenizer and a run's prompt must have in common, checked before weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from aimo_solver.app.options import RunOptions
from aimo_solver.config.settings import Hardware, Preset
from aimo_solver.dialects.dialect import Dialect, calls_code
from aimo_solver.dialects.harmony import HARMONY
from aimo_solver.dialects.hermes import HERMES
from aimo_solver.dialects.prompt import Prompt, encode_prompt
from aimo_solver.dialects.template import require_calls_are_read
from aimo_solver.engine.base import Tokenizer
from aimo_solver.engine.checkpoint import own_context, vocabulary_size
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError

TRIAL_PROBLEM: Final = "1 + 1?"
OTHER_PROBLEM: Final = "2 + 2?"
"""Its prompt must be another."""
MIN_ANSWER_TOKENS: Final = 64
"""Fewer tokens than these after the prompt are no room for an answer."""

_NEEDED_TOKENS: Final[Mapping[str, Sequence[str]]] = {HERMES.name: ("<|im_start|>", "<|im_end|>")}
"""What dialects write themselves after a call. Others with tokens of their own check them with each prompt."""


def require_fits(options: RunOptions, dialect: Dialect, tokenizer: Tokenizer) -> list[int]:
    """Returns a short problem's prompt in a run's words.

    Raises InputError or EngineLoadError where the tokenizer cannot express it, or the dialect's calls cannot be read.
    """
    if options.preset.search is not None and calls_code(dialect) and not dialect.stop:
        raise InputError("this checkpoint's calls end with the turn, where a search has no step; leave out [search]")
    require_calls_are_read(dialect)
    token_ids = trial_prompt(options.preset, options.prompt, dialect, tokenizer)
    known, highest = vocabulary_size(options.model), max(token_ids)
    if known is not None and highest >= known:
        raise InputError(
            f"the prompt has token {highest} ({tokenizer.decode([highest])}), and the model knows {known:,} tokens; "
            "copy the model's own tokenizer files into its folder"
        )
    return token_ids


def trial_prompt(preset: Preset, prompt: Prompt, dialect: Dialect, tokenizer: Tokenizer) -> list[int]:
    """Returns a short problem's prompt, as `require_fits` does, and asks the same of a preset that judges."""
    for token in _NEEDED_TOKENS.get(dialect.name, ()):
        if len(tokenizer.encode(token)) != 1:
            raise InputError(
                f"dialect {dialect.name} needs a ChatML tokenizer: this one has no token {token}; "
                "name another dialect, such as cot"
            )
    token_ids, others = (
        encode_prompt(dialect, problem, tokenizer, prompt=prompt, prefill=preset.rollout.prefill)
        for problem in (TRIAL_PROBLEM, OTHER_PROBLEM)
    )
    if token_ids == others:
        raise InputError("the chat template leaves the problem's statement out of the prompt; take the model's own")
    if preset.genselect is not None:
        tokenizer.encode_chat([{"role": "user", "content": TRIAL_PROBLEM}])
    return token_ids


def require_prompt_fits(token_ids: list[int], context_tokens: int | None) -> None:
    """Raises InputError where a prompt leaves no room for an answer. None: the context is not known yet."""
    if context_tokens is not None and len(token_ids) + MIN_ANSWER_TOKENS > context_tokens:
        raise InputError(
            f"the prompt takes {len(token_ids):,} tokens with a problem of a few words, and the context has "
            f"{context_tokens:,}; shorten [prompt], or raise max_model_len as far as the checkpoint goes"
        )


def known_context(model: Path, hardware: Hardware) -> int | None:
    """Returns the context that a model can have with these settings; None where its config does not say."""
    known = [tokens for tokens in (own_context(model), hardware.max_model_len) if tokens is not None]
    return min(known, default=None)


def tokenizer_notes(tokenizer: Tokenizer, dialect: Dialect) -> list[str]:
    """Returns sentences about what a tokenizer's folder says wrongly, and what it costs."""
    if not isinstance(tokenizer, HfTokenizer):
        return []
    # A Harmony turn has several messages, each with an end that is not the turn's.
    end_fault = None if dialect.name == HARMONY.name else tokenizer.end_fault()
    return [note for note in (tokenizer.label_fault(), end_fault) if note is not None]
