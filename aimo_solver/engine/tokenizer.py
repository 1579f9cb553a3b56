"""A checkpoint's own tokenizer, read offline from its folder with Hugging Face transformers.

Guarantees: text is split as the folder's tokenizer.json says, if there is one, and is not changed
(no special tokens added or removed, no clean-up of spaces). Not guaranteed: that
`encode(decode(ids)) == ids`; no tokenizer does, so rollouts never re-tokenise what was generated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aimo_solver.engine.checkpoint import end_token_ids
from aimo_solver.errors import EngineLoadError

_SAMPLE: Final = "Let $x = 3$ é.\n```python\nprint(x)\n```\n```output\n3\n```\nThe answer is \\boxed{3}."

_EXCHANGE: Final = [{"role": "user", "content": "Say it."}, {"role": "assistant", "content": "It is said."}]

_AS_IT_IS: Final[Mapping[str, Any]] = {"local_files_only": True, "trust_remote_code": False}
"""Without a network, and without asking whether a checkpoint's own code may run: it may not."""


class HfTokenizer:
    """Tokenizer over a checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        """Raises EngineLoadError if the folder contains no readable tokenizer."""
        try:
            from transformers import AutoTokenizer, PreTrainedTokenizerFast
        except ImportError as error:
            raise EngineLoadError(f"cannot import transformers ({error}); install the engine's requirements") from error
        if not folder.is_dir():
            raise EngineLoadError(f"{folder}: no such folder; name the folder of a checkpoint")
        self._folder = folder
        # For some model types and labels (tokenizer_class), Qwen2 and LlamaTokenizerFast among them, AutoTokenizer
        # replaces the rules in tokenizer.json with the usual ones: a distilled or home-made checkpoint then reads
        # tokens that it was not trained on, and a byte-level one labelled as Llama's is decoded to "LetĠxĠ=".
        reader = PreTrainedTokenizerFast if (folder / "tokenizer.json").exists() else AutoTokenizer
        try:
            self._tokenizer = reader.from_pretrained(folder, **_AS_IT_IS)
        # For damaged files the tokenizers library raises anything, even a bare Exception.
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise EngineLoadError(
                f"{folder} has no readable tokenizer ({reason}); copy the checkpoint's tokenizer files into it"
            ) from error

    @property
    def backend(self) -> Any:
        """The tokenizer of transformers that does the work."""
        return self._tokenizer

    @property
    def has_chat_template(self) -> bool:
        """Whether the checkpoint says how messages are written; a base model does not."""
        return bool(self._tokenizer.chat_template)

    @property
    def size(self) -> int:
        """One more than the highest token id, the added tokens' included."""
        return max(self._tokenizer.get_vocab().values(), default=-1) + 1

    def encode(self, text: str) -> list[int]:
        """Returns the text's token ids, without adding special tokens around it."""
        return self._tokenizer.encode(text, add_special_tokens=False)

    def encode_start(self, text: str) -> list[int]:
        """Returns the ids of a text that begins a prompt, with the start token (BOS) where the tokenizer adds one."""
        token_ids = self._tokenizer.encode(text, add_special_tokens=True)
        end = self._tokenizer.eos_token_id
        return token_ids[:-1] if token_ids[-1:] == [end] and self.encode(text)[-1:] != [end] else token_ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of the ids, special tokens included."""
        text = self._tokenizer.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    def label_fault(self) -> str | None:
        """Returns a sentence where transformers, going by the folder's labels, reads or writes other tokens."""
        from transformers import AutoTokenizer

        token_ids = self.encode(_SAMPLE)
        try:
            theirs: Any = AutoTokenizer.from_pretrained(self._folder, **_AS_IT_IS)
            decoded = theirs.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            same = decoded == self.decode(token_ids) and theirs.encode(_SAMPLE, add_special_tokens=False) == token_ids
        except Exception:  # noqa: BLE001  Any class may be named there; whether vLLM can read it is another check.
            return None
        if same:
            return None
        return (
            f"tokenizer_config.json or config.json makes transformers take {type(theirs).__name__}, which reads other "
            "tokens than tokenizer.json has; tokenizer.json is used here, and other programs may read it wrongly"
        )

    def end_fault(self) -> str | None:
        """Returns a sentence where the chat template ends a turn with a token at which generation does not end."""
        if not self.has_chat_template:
            return None
        try:
            text = self.backend.apply_chat_template(_EXCHANGE, tokenize=False, add_generation_prompt=False)
        except Exception:  # noqa: BLE001  A template is a program; whether it can be rendered is another check.
            return None
        _, said, after = str(text).rpartition(_EXCHANGE[-1]["content"])
        if not said:  # It leaves out what assistants say.
            return None
        first = next(iter(self.encode(after.lstrip())), None)
        ends = end_token_ids(self._folder) | {self._tokenizer.eos_token_id}
        if first is None or first in ends or first not in self.backend.added_tokens_decoder:
            return None
        return (
            f"its chat template ends a turn with {self.decode([first])} (id {first}), which is no end token, so that "
            f"turns run on; add {first} to eos_token_id in generation_config.json"
        )

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Returns token ids of the checkpoint's chat template, up to the start of the assistant's turn.

        Raises EngineLoadError if the checkpoint has no chat template, or one that cannot be rendered.
        """
        from jinja2 import TemplateError

        if not self._tokenizer.chat_template:
            raise EngineLoadError(
                f"the tokenizer in {self._folder} has no chat template; add the model's chat_template.jinja to it, or "
                "name dialect cot, which asks a base model in plain text"
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
