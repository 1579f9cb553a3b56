"""Every dialect's way to call code and to be flushed: golden texts, and round trips of any program."""

from __future__ import annotations

import json

import openai_harmony as harmony
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.config.names import Effort
from aimo_solver.config.prompt_settings import PromptExample
from aimo_solver.dialects import DIALECTS
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.code_blocks import dedented
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.harmony import HARMONY, harmony_prompt
from aimo_solver.dialects.hermes import HERMES
from aimo_solver.dialects.openmath import OPENMATH
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.dialects.s1 import S1
from aimo_solver.engine.scripted import ByteTokenizer
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import ANY_INTEGER

HARMONY_TOKENS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>", "<|constrain|>")
PROBLEM = "What is 6 times 7?"
programs = st.text("x=1()# \n\tπ'\"\\{}", max_size=40)
CALLS = {
    "numina": "```python\nprint(6 * 7)\n```\n```output\n",
    "openmath": "<tool_call>\nprint(6 * 7)\n</tool_call>",
    "hermes": '<tool_call>\n{"name": "python", "arguments": {"code": "print(6 * 7)"}}\n</tool_call>',
    "harmony": "<|channel|>analysis to=python <|constrain|>code<|message|>print(6 * 7)<|call|>",
}
OUTPUTS = {
    "numina": "42\n```\n",
    "openmath": "\n```output\n42\n```\n",
    "hermes": (
        "<|im_end|>\n<|im_start|>user\n<tool_response>\n42\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    ),
    "harmony": "<|start|>python to=assistant<|channel|>analysis<|message|>42<|end|><|start|>assistant",
}


@pytest.mark.parametrize("name", CALLS)
def test_the_documented_call_is_found_and_answered_string_for_string(name: str) -> None:
    dialect = DIALECTS[name]
    assert any(CALLS[name].endswith(stop) for stop in dialect.stop)
    assert dialect.find_code("Let me see." + CALLS[name]) == Call(code="print(6 * 7)")
    assert dialect.render_output("42") == OUTPUTS[name]


@pytest.mark.parametrize("name", DIALECTS)
def test_words_alone_are_no_call(name: str) -> None:
    assert DIALECTS[name].find_code("The answer is $\\boxed{42}$.") is None


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("text", ["", "<think>Hm", "<think>Hm.</think>\nSo"])
def test_a_flushed_text_reads_the_next_tokens_as_its_answer(name: str, text: str) -> None:
    dialect = DIALECTS[name]
    assert dialect.find_answer(text + dialect.close_thinking(text) + "42}$.", ANY_INTEGER) == 42


@pytest.mark.parametrize("dialect", [OPENMATH, HERMES, HARMONY], ids=lambda dialect: dialect.name)
@settings(max_examples=40)
@given(program=programs)
def test_whatever_is_written_in_a_call_is_found_as_it_is(dialect: Dialect, program: str) -> None:
    calls = {
        "openmath": f"<tool_call>\n{program}\n</tool_call>",
        "hermes": "<tool_call>\n" + json.dumps({"name": "python", "arguments": {"code": program}}) + "\n</tool_call>",
        "harmony": f"<|channel|>commentary to=python code<|message|>{program}<|call|>",
    }
    expected = dedented(program) if dialect is OPENMATH else program
    assert dialect.find_code("Hm. " + calls[dialect.name]) == Call(code=expected)


# Harmony, beside oss-harmony's own rendering


def rendered(*messages: harmony.Message) -> str:
    encoding = harmony.load_harmony_encoding(harmony.HarmonyEncodingName.HARMONY_GPT_OSS)
    conversation = harmony.Conversation.from_messages(list(messages))
    return encoding.decode(encoding.render_conversation_for_completion(conversation, harmony.Role.ASSISTANT))


def assistant(text: str, channel: str) -> harmony.Message:
    return harmony.Message.from_role_and_content(harmony.Role.ASSISTANT, text).with_channel(channel)


def test_harmony_replies_as_the_library_renders_it() -> None:
    call = assistant("print(6 * 7)", "analysis").with_recipient("python").with_content_type("code")
    author = harmony.Author.new(harmony.Role.TOOL, "python")
    reply = harmony.Message.from_author_and_content(author, "42").with_channel("analysis").with_recipient("assistant")
    whole = rendered(call, reply)
    turn, _, _ = whole.partition(HARMONY.render_output("42"))
    assert whole == turn + HARMONY.render_output("42")
    assert HARMONY.find_code(turn.removeprefix("<|start|>assistant")) == Call(code="print(6 * 7)")


def test_harmony_closes_an_open_thought_as_the_library_renders_it() -> None:
    thought, answer = "Count them.", "The answer is $\\boxed{42}$."
    begun = f"<|channel|>analysis<|message|>{thought}"
    whole = rendered(assistant(thought, "analysis"), assistant(answer, "final"))
    closed = "<|start|>assistant" + begun + HARMONY.close_thinking(begun) + "42}$."
    # The library leaves thoughts out of what is over; the frame of the answer is what counts.
    assert closed.endswith("<|end|><|start|>assistant<|channel|>final<|message|>" + answer)
    assert whole.removesuffix("<|end|><|start|>assistant").endswith("<|channel|>final<|message|>" + answer)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<|channel|>ana",
        "<|channel|>analysis<|message|>Hm",
        "<|channel|>analysis<|message|>Hm<|end|>",
        "<|channel|>analysis to=python code<|message|>print(1)<|call|>",
        "<|channel|>final<|message|>So it is",
    ],
)
def test_harmony_gives_each_message_one_frame(text: str) -> None:
    begun = "<|start|>assistant" + text
    if text.endswith("<|call|>"):  # What stands there is the tool's reply and the next frame.
        begun += HARMONY.render_output("1")
    closed = begun + HARMONY.close_thinking(text)
    frames = closed.split("<|start|>")[1:]
    assert all(frame.count("<|message|>") == 1 for frame in frames)
    assert "<|channel|>final<|message|>" in frames[-1]


def test_the_harmony_prompt_is_the_librarys_own_but_for_what_its_tool_promises() -> None:
    prompt = Prompt(system="Box it.", tool="Runs code.", effort=Effort.LOW, date="2026-11-28")
    system = harmony.SystemContent.new().with_reasoning_effort(harmony.ReasoningEffort.LOW)
    system = system.with_conversation_start_date(prompt.date).with_python_tool()
    developer = harmony.DeveloperContent.new().with_instructions(prompt.system)
    whole = rendered(
        harmony.Message.from_role_and_content(harmony.Role.SYSTEM, system),
        harmony.Message.from_role_and_content(harmony.Role.DEVELOPER, developer),
        harmony.Message.from_role_and_content(harmony.Role.USER, PROBLEM),
    )
    promised = harmony.ToolNamespaceConfig.python().description
    assert promised
    text = harmony_prompt(PROBLEM, prompt)
    assert text == whole.replace(promised, prompt.tool)
    tokenizer = ByteTokenizer(HARMONY_TOKENS)
    assert tokenizer.decode(HARMONY.encode_prompt(PROBLEM, prompt, tokenizer)) == text


def test_harmony_without_a_tool_declares_none() -> None:
    assert "# Tools" not in harmony_prompt(PROBLEM, Prompt())


def test_harmony_shows_examples_as_answers_of_an_earlier_exchange() -> None:
    text = harmony_prompt(PROBLEM, Prompt(examples=(PromptExample(problem="1 + 1?", solution="$\\boxed{2}$"),)))
    earlier = "<|start|>user<|message|>1 + 1?<|end|><|start|>assistant<|channel|>final<|message|>$\\boxed{2}$<|end|>"
    assert text.endswith(f"{earlier}<|start|>user<|message|>{PROBLEM}<|end|><|start|>assistant")


def test_a_tokenizer_that_cannot_express_harmony_is_refused() -> None:
    with pytest.raises(InputError, match="dialect harmony needs a gpt-oss tokenizer"):
        HARMONY.encode_prompt(PROBLEM, Prompt(), ByteTokenizer())


def test_a_message_without_a_recipient_is_no_call() -> None:
    assert HARMONY.find_code("<|channel|>analysis<|message|>to=python would help<|end|>") is None
    assert HARMONY.find_code("<|channel|>final<|message|>to=python<|return|>") is None


# s1: thinking and answer are ChatML messages of their own


def test_s1_opens_thinking_and_closes_it_string_for_string() -> None:
    tokenizer = ByteTokenizer(("<|im_start|>", "<|im_end|>"))
    prompt = tokenizer.decode(S1.encode_prompt(PROBLEM, Prompt(), tokenizer))
    assert prompt.endswith("assistant: <|im_start|>think")
    cut = S1.close_thinking("\nSix times seven is")
    assert cut == "\n<|im_start|>answer\nFinal Answer: The final answer is $\\boxed{"
    assert S1.close_thinking("\n42.<|im_start|>answer\nIt") == "\nFinal Answer: The final answer is $\\boxed{"


def test_s1_needs_chatml() -> None:
    with pytest.raises(InputError, match=r"dialect s1 needs a ChatML tokenizer: this one has no token <\|im_start\|>"):
        S1.encode_prompt(PROBLEM, Prompt(), ByteTokenizer())


@pytest.mark.parametrize("name", DIALECTS)
def test_thinking_that_is_over_is_not_closed_again(name: str) -> None:
    dialect = DIALECTS[name]
    if dialect.think_end is not None:
        assert dialect.think_end not in dialect.close_thinking(f"Hm.{dialect.think_end}\nSo")
