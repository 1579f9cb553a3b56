from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from torch import Tensor, device, nn

# The few classes that are used, as they are used: transformers' own __init__ makes pyright read every model.

class PreTrainedTokenizerFast:
    backend_tokenizer: Any
    eos_token_id: int
    pad_token_id: int
    chat_template: str | None
    def __init__(self, **settings: Any) -> None: ...
    @classmethod
    def from_pretrained(cls, folder: Path | str, **settings: Any) -> Self: ...
    def save_pretrained(self, folder: Path) -> object: ...
    def apply_chat_template(
        self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool, return_dict: bool, **settings: Any
    ) -> list[int]: ...
    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]: ...
    def decode(self, token_ids: Sequence[int] | Tensor, **settings: Any) -> str: ...
    def tokenize(self, text: str) -> list[str]: ...
    def get_vocab(self) -> dict[str, int]: ...
    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]: ...

class AutoTokenizer:
    @classmethod
    def from_pretrained(cls, folder: Path | str, **settings: Any) -> PreTrainedTokenizerFast: ...

class LlamaConfig:
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_labels: int
    pad_token_id: int | None
    def __init__(self, **settings: Any) -> None: ...
    @classmethod
    def from_pretrained(cls, folder: Path | str, **settings: Any) -> Self: ...

class PreTrainedModel(nn.Module):
    config: LlamaConfig
    device: device
    def __init__(self, config: LlamaConfig) -> None: ...
    @classmethod
    def from_pretrained(cls, folder: Path | str, **settings: Any) -> Self: ...
    def save_pretrained(self, folder: Path) -> None: ...
    def generate(self, token_ids: Tensor, **settings: Any) -> Tensor: ...
    def __call__(self, input_ids: Tensor, **settings: Any) -> Any: ...

class LlamaModel(nn.Module):
    config: LlamaConfig
    embed_tokens: nn.Embedding
    layers: Sequence[Any]
    norm: nn.Module

class LlamaForCausalLM(PreTrainedModel):
    model: LlamaModel

class LlamaForSequenceClassification(PreTrainedModel):
    model: LlamaModel
    score: nn.Linear

class AutoModelForCausalLM:
    @classmethod
    def from_pretrained(cls, folder: Path | str, **settings: Any) -> PreTrainedModel: ...

def __getattr__(name: str) -> Any: ...
