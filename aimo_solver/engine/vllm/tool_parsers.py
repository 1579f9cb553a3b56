"""VllmCallReader: one of vLLM's tool parsers as a CallReader.

Not guaranteed: that a parser reads what a model writes a little wrong. Some do, some read nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.tool_calls import ToolCall
from aimo_solver.errors import EngineLoadError

_LOGS: Final = ("vllm.tool_parsers", "vllm.parser")
"""They log each call that they cannot read, with a traceback; here the model is shown what to mend."""


class VllmCallReader:
    """Reads the calls of one tool. The first call of a method imports vLLM, which takes seconds."""

    def __init__(self, parser: str, tokenizer: HfTokenizer, tool: Mapping[str, Any]) -> None:
        self._name, self._tokenizer, self._tool = parser, tokenizer, dict(tool)

    def read(self, text: str) -> Sequence[ToolCall]:
        """Returns the calls in the text; none where the parser cannot read them.

        Raises EngineLoadError if the installed vLLM has no such parser, or it does not fit the tokenizer.
        """
        parser, request = self._parser_and_request
        try:
            found = parser.extract_tool_calls(text, request)
        except Exception:  # noqa: BLE001  What a model writes may break someone else's parser.
            return ()
        return [ToolCall(name=call.function.name, arguments=call.function.arguments) for call in found.tool_calls]

    @cached_property
    def _parser_and_request(self) -> tuple[Any, Any]:
        try:
            from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
            from vllm.tool_parsers import ToolParserManager

            make_request: Any = ChatCompletionRequest
            make_parser: Any = ToolParserManager.get_tool_parser(self._name)
            request = make_request(messages=[{"role": "user", "content": ""}], tools=[self._tool])
            parser = make_parser(self._tokenizer.backend, request.tools)
        except Exception as error:  # A parser refuses a tokenizer in whatever way it likes.
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise EngineLoadError(
                f"vLLM's tool parser {self._name} cannot be used with this tokenizer ({reason}); "
                "name another dialect, such as cot"
            ) from error
        for name in _LOGS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return parser, request
