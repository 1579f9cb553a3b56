"""A byte tokenizer in ChatML whose template opens thinking for every turn of the assistant's."""

from __future__ import annotations

from collections.abc import Sequence

from aimo_solver.engine.scripted import ByteTokenizer

OPENED = "<think>\n"
END = "<|im_end|>"


class OpeningTokenizer(ByteTokenizer):
    """Writes `<think>` behind every generation prompt, as templates of models that always think do."""

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        turns = [f"<|im_start|>{message['role']}\n{message['content']}{END}\n" for message in messages]
        return self.encode(f"{''.join(turns)}<|im_start|>assistant\n{OPENED}")
