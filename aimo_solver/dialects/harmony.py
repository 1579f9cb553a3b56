"""Harmony, gpt-oss's dialect: messages in channels, code as a message to `python`.

Source: OpenAI's Harmony format. The prompt is rendered by `oss-harmony`, which vLLM itself uses and
which contains everything it needs: nothing is downloaded. Turns are read and answered here, exactly as
the format prescribes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from aimo_solver.config.answer_settings import BOXED_ONLY, AnswerForms
from aimo_solver.config.names import Effort
from aimo_solver.dialects.calls import Call, is_our_tool, looks_like_call, read_call, unknown_tool
from aimo_solver.dialects.dialect import TOOL_TEXT, ToolSettings
from aimo_solver.dialects.prompt import Prompt, PromptTexts
from aimo_solver.engine.base import Tokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.answers import read_answer
from aimo_solver.problems.problem import AnswerRule

if TYPE_CHECKING:
    from openai_harmony import HarmonyEncoding

_START, _CHANNEL, _MESSAGE, _END, _CALL = "<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>"
_RETURN, _END_OF_TEXT = "<|return|>", "<|endoftext|>"
_ENDS = (_RETURN, _END_OF_TEXT)
"""The tokens with which the model ends its turn; in a conversation a message ends with `<|end|>`."""
_FINAL = f"{_CHANNEL}final{_MESSAGE}"
_RECIPIENT = re.compile(r"\bto=(?!assistant\b|user\b)(?P<name>[\w.-]+)")
_MARK = re.compile(r"(<\|(?:start|channel|constrain|message|end|call|return)\|>)")
_FORM = "Write a message to python whose content is the code"
SYSTEM_TEXT = "Put the final answer, {answers}, inside \\boxed{}."
HARMONY_TOOL_TEXT = (
    "Use this tool to run Python code while you reason. The code is not shown to the user, so it is not for code that "
    f"the user should see.\n\nThe content of a message to python is the code. {TOOL_TEXT}"
)


@dataclass(frozen=True, slots=True)
class HarmonyDialect:
    """Stops at a call; the tool's reply is a separate message."""

    tool: ToolSettings = field(default_factory=lambda: ToolSettings(timeout_seconds=6.0, output_chars=8000))
    name: str = "harmony"
    stop: tuple[str, ...] = (_CALL,)
    ends: tuple[str, ...] = ()
    think_end: str | None = None

    def prompt_texts(self, *, runs_code: bool) -> PromptTexts:
        return PromptTexts(system=SYSTEM_TEXT, tool=HARMONY_TOOL_TEXT, effort=Effort.HIGH)

    def encode_prompt(self, problem: str, prompt: Prompt, tokenizer: Tokenizer) -> list[int]:
        """Raises InputError if the checkpoint's tokenizer has no Harmony tokens."""
        for special in (_START, _CHANNEL, _MESSAGE, _END, _CALL):
            if len(tokenizer.encode(special)) != 1:
                raise InputError(
                    f"dialect harmony needs a gpt-oss tokenizer: this one has no token {special}; "
                    "name a gpt-oss checkpoint, or another preset"
                )
        return tokenizer.encode(harmony_prompt(problem, prompt))

    def find_code(self, turn: str) -> Call | None:
        """Returns the turn's last message, if it is addressed to a tool; its content is the code, or JSON with it."""
        start = turn.rfind(_MESSAGE)
        header = turn[turn.rfind(_START, 0, max(start, 0)) + 1 : max(start, 0)]
        recipient = _RECIPIENT.search(header)
        body = turn[start + len(_MESSAGE) :]
        if start < 0 or recipient is None or _END in body or _RETURN in body:
            return None
        if not is_our_tool(recipient["name"]):
            return Call(error=f"{unknown_tool(recipient['name'])}. {_FORM}")
        code = body.partition(_CALL)[0]
        return read_call(code, form=_FORM) if looks_like_call(code) else Call(code=code)

    def render_output(self, output: str, opened: str = "") -> str:
        return f"{_START}python to=assistant{_CHANNEL}analysis{_MESSAGE}{output}{_END}{_START}assistant"

    def close_thinking(self, text: str) -> str:
        answer = "The answer is $\\boxed{"
        if text.endswith(_ENDS):  # A message that the model has ended is not continued: another follows it.
            text = text.removesuffix(_RETURN).removesuffix(_END_OF_TEXT)
        elif _FINAL in text:
            return f"\n{answer}"
        message = text[max(text.rfind(_END), text.rfind(_CALL), 0) :]
        if not text or text.endswith(_CALL):  # A message has begun: in the prompt, or after the tool's reply.
            return f"{_FINAL}{answer}"
        if message == _END:
            return f"{_START}assistant{_FINAL}{answer}"
        return f"{'' if _MESSAGE in message else _MESSAGE}{_END}{_START}assistant{_FINAL}{answer}"

    def find_answer(self, text: str, rule: AnswerRule, forms: AnswerForms = BOXED_ONLY) -> int | None:
        said, thought = _by_channel(text)
        return read_answer(said, rule, forms, thought=thought)


def _by_channel(text: str) -> tuple[str, str]:
    """Returns what is said in final messages, and outside any, and what is thought in the others; calls are neither."""
    said: list[str] = []
    thought: list[str] = []
    header, in_header = "", False
    for piece in _MARK.split(text):
        if piece in (_START, _CHANNEL):
            header, in_header = (header if in_header else "") + piece, True
        elif piece == _MESSAGE:
            in_header = False
        elif piece in (_END, _CALL, _RETURN):
            header, in_header = "", False
        elif in_header:
            header += piece
        elif not _RECIPIENT.search(header):
            (said if not header or "final" in header else thought).append(piece)
    return "\n".join(said), "\n".join(thought)


@cache
def _load_encoding() -> HarmonyEncoding:
    """Takes half a second the first time."""
    try:
        import openai_harmony as harmony

        return harmony.load_harmony_encoding(harmony.HarmonyEncodingName.HARMONY_GPT_OSS)
    except Exception as error:  # OpenAI's own build downloads its vocabulary, and fails without a network.
        raise InputError(f"dialect harmony cannot be loaded here ({error}); install oss-harmony") from error


def harmony_prompt(problem: str, prompt: Prompt) -> str:
    """Returns the prompt's text, special tokens spelled out, opened for the assistant."""
    encoding = _load_encoding()
    import openai_harmony as harmony

    effort = prompt.effort or Effort.HIGH
    system = harmony.SystemContent.new().with_reasoning_effort(harmony.ReasoningEffort(effort.value.capitalize()))
    if prompt.date:
        system = system.with_conversation_start_date(prompt.date)
    if prompt.tool:
        # The library's own python tool describes another sandbox: 120 s, a drive, perhaps the internet.
        system = system.with_tools(harmony.ToolNamespaceConfig(name="python", description=prompt.tool, tools=[]))
    messages = [harmony.Message.from_role_and_content(harmony.Role.SYSTEM, system)]
    if prompt.system:
        developer = harmony.DeveloperContent.new().with_instructions(prompt.system)
        messages.append(harmony.Message.from_role_and_content(harmony.Role.DEVELOPER, developer))
    for message in prompt.messages(problem):
        written = harmony.Message.from_role_and_content(harmony.Role(message["role"]), message["content"])
        messages.append(written.with_channel("final") if message["role"] == "assistant" else written)
    conversation = harmony.Conversation.from_messages(messages)
    return encoding.decode(encoding.render_conversation_for_completion(conversation, harmony.Role.ASSISTANT))


HARMONY = HarmonyDialect()
