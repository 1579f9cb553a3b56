"""A checkpoint's own tokenizer, read offline from its folder with Hugging Face transformers.

Guarantees: text is split as the folder's tokenizer.json says, if there is one, and is not changed
(no special tokens added or removed, no clean-up of spaces). Not guaranteed: that
`encode(decode(ids)) == ids`; no tokenizer does, so rollouts never re-tokenise what was generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aimo_solver.errors import EngineLoadError


class HfTokenizer:
    """Tokenizer over a checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        """Raises EngineLoadError if the folder contains no readable tokenizer."""
        try:
            from transformers import AutoTokenizer, PreTrainedTokenizerFast
        except ImportError as error:
            raise EngineLoadError(f"cannot import transformers ({error}); install the engine's requirements") from error
        self._folder = folder
        # For some model types, Qwen2 among them, AutoTokenizer replaces the rules in tokenizer.json with the
        # type's usual ones: a distilled or home-made checkpoint then reads tokens it was not trained on.
        reader = PreTrainedTokenizerFast if (folder / "tokenizer.json").exists() else AutoTokenizer
        try:
            self._tokenizer = reader.from_pretrained(folder, local_files_only=True)
        # For damaged files the tokenizers library raises anything, even a bare Exception.
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise EngineLoadError(
                f"{folder} has no readable tokenizer ({reason}); copy the checkpoint's tokenizer files into it"
            ) from error

    @property
    def size(self) -> int:
        """One more than the highest token id, the added tokens' included."""
        return max(self._tokenizer.get_vocab().values(), default=-1) + 1

    def encode(self, text: str) -> list[int]:
        """Returns the text's token ids, without adding special tokens around it."""
        return self._tokenizer.encode(text, add_special_tokens=False)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of the ids, special tokens included."""
        text = self._tokenizer.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Returns token ids of the checkpoint's chat template, up to the start of the assistant's turn.

        Raises EngineLoadError if the checkpoint has no chat template, or one that cannot be rendered.
        """
        from jinja2 import TemplateError

        if not self._tokenizer.chat_template:
            raise EngineLoadError(
                f"the tokenizer in {self._folder} has no chat template; add the model's chat_template.jinja to it"
            )
        try:
            token_ids = self._tokenizer.apply_chat_template(
                list(messages), add_generation_prompt=True, tokenize=True, return_dict=False
            )
        # A template is a program: it refuses what it does not know, and may divide by zero.
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise EngineLoadError(
                f"the chat template of {self._folder} cannot be rendered ({reason}); take the model's own again"
            ) from error
        assert isinstance(token_ids, list)
        return [int(token_id) for token_id in token_ids]
