"""ChatTemplate: a checkpoint's chat template as text, with tools, calls and replies.

Guarantees: the text is what transformers renders, so that its token ids are those of `apply_chat_template`. A template
that cannot be rendered raises EngineLoadError with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import EngineLoadError

_FAULTS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a template raises beside jinja's own errors: it is a program."""


class ChatTemplate:
    """Renders messages of the form that OpenAI's chat API has."""

    def __init__(self, tokenizer: HfTokenizer) -> None:
        self._tokenizer = tokenizer.backend

    @property
    def text(self) -> str:
        """The template, of several the one for tools; "" where there is none."""
        texts: object = self._tokenizer.chat_template
        if isinstance(texts, dict):
            named = cast("dict[str, str]", texts)
            return named.get("tool_use") or named.get("default") or ""
        return str(texts or "")

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """Returns the text up to the start of the assistant's turn. `variables`: what else the template is given."""
        from jinja2 import TemplateError

        if not self.text:
            raise EngineLoadError("the checkpoint has no chat template; add the model's chat_template.jinja to it")
        try:
            text = self._tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                tools=[dict(tool) for tool in tools] or None,
                add_generation_prompt=True,
                tokenize=False,
                **(variables or {}),
            )
        except (TemplateError, *_FAULTS) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise EngineLoadError(f"the chat template cannot be rendered ({reason}); take the model's own") from error
        assert isinstance(text, str)
        return text
