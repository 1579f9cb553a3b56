"""Calls as models write them: a valid one gives exactly its code, a damaged one its code or an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimo_solver.dialects.calls import Call, read_call
from aimo_solver.dialects.harmony import HARMONY
from aimo_solver.dialects.hermes import HERMES
from aimo_solver.dialects.openmath import OPENMATH

CODE = "n = 6\nprint(n * 7)"
programs = st.text("x=1()# \n\tπ'\"\\{}[],:", max_size=60)
READ = {
    "valid": json.dumps({"name": "python", "arguments": {"code": CODE}}),
    "a raw line break in a string": '{"name": "python", "arguments": {"code": "n = 6\nprint(n * 7)"}}',
    "triple quotes": '{"name": "python", "arguments": {"code": """\nn = 6\nprint(n * 7)"""}}',
    "single quotes": "{'name': 'python', 'arguments': {'code': 'n = 6\\nprint(n * 7)'}}",
    "a comma after the last item": '{"name": "python", "arguments": {"code": "n = 6\\nprint(n * 7)",},}',
    "arguments that are the code": json.dumps({"name": "python", "arguments": CODE}),
    "arguments that are JSON in a text": json.dumps({"name": "python", "arguments": json.dumps({"code": CODE})}),
    "another name for the code": json.dumps({"name": "python", "arguments": {"script": CODE}}),
    "an unknown argument name": json.dumps({"name": "python", "arguments": {"snippet": CODE}}),
    "the code beside a language": json.dumps({"name": "python", "arguments": {"language": "python", "code": CODE}}),
    "parameters for arguments": json.dumps({"name": "python", "parameters": {"code": CODE}}),
    "no arguments around the code": json.dumps({"name": "python", "code": CODE}),
    "no name": json.dumps({"code": CODE}),
    "a function around it": json.dumps(
        {"type": "function", "function": {"name": "python", "arguments": {"code": CODE}}}
    ),
    "a list of one": json.dumps([{"name": "python", "arguments": {"code": CODE}}]),
    "a namespace": json.dumps({"name": "functions.python", "arguments": {"code": CODE}}),
    "a tool that runs python": json.dumps({"name": "code_interpreter", "arguments": {"code": CODE}}),
    "a brace too many": json.dumps({"name": "python", "arguments": {"code": CODE}}) + "}",
    "a brace too few": json.dumps({"name": "python", "arguments": {"code": CODE}})[:-1],
    "another call after it": json.dumps({"name": "python", "arguments": {"code": CODE}}) + '\n{"name": "python"}',
    "a fence around it": "```json\n" + json.dumps({"name": "python", "arguments": {"code": CODE}}) + "\n```",
    "a fence around the code": json.dumps({"name": "python", "arguments": {"code": f"```python\n{CODE}\n```"}}),
    "a fenced program": f"```python\n{CODE}\n```",
    "a plain program": CODE,
    "one JSON text": json.dumps(CODE),
    "XML": f"<function=python>\n<parameter=code>\n{CODE}\n</parameter>\n</function>",
    "XML that is not closed": f"<function=python>\n<parameter=code>\n{CODE}\n",
    "an invocation": f'<invoke name="python"><parameter name="code">{CODE}</parameter></invoke>',
}
REFUSED = {
    '{"name": "python", "arguments": {"cod": 1}}': '"code"',
    '{"name": "python", "arguments": {"code": 5}}': '"code"',
    '{"name": "python", "arguments": {"a": "x", "b": "y"}}': '"code"',
    '{"name": "python"}': '"code"',
    '{"name": "python", "arguments": {"code": "print("6")"}}': "line 1, column 50",
    '{"name": "search", "arguments": {"query": "primes"}}': "no tool 'search': the only one is 'python'",
    "<function=search><parameter=query>primes</parameter></function>": "no tool 'search': the only one is 'python'",
    'call: {"name": "python", "arguments": {"code": "print(6)"}}': "begins with",
    '{"name": "python", "arguments": {"code": "print(6)"}} so it is 6': "is followed by",
    "<python>print(6)</python>": "begins with",
    "[]": "no object",
    "": "empty",
    '{"name": "python", "arguments": {"code": ' + "9" * 5000 + "}}": "more than a call",
    '{"a":' * 20_000: "",
}


@pytest.mark.parametrize("body", READ.values(), ids=READ)
def test_a_call_is_read(body: str) -> None:
    call = read_call(f"\n{body}\n")
    assert call.code is not None, call.error
    assert call.code.strip() == CODE


@pytest.mark.parametrize(("body", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_an_unreadable_call_is_answered_with_what_to_mend(body: str, reason: str) -> None:
    call = read_call(body)
    assert call.code is None and call.error is not None
    assert reason in call.error
    assert call.error.endswith('Write it as {"name": "python", "arguments": {"code": "..."}}')


@settings(deadline=None)
@given(programs)
def test_a_valid_call_gives_exactly_its_code(program: str) -> None:
    assert read_call(json.dumps({"name": "python", "arguments": {"code": program}})) == Call(code=program)


@settings(deadline=None)
@given(programs.filter(lambda program: '"' not in program and "\\" not in program))
def test_raw_line_breaks_change_nothing_in_the_code(program: str) -> None:
    assert read_call('{"name": "python", "arguments": {"code": "' + program + '"}}') == Call(code=program)


@settings(deadline=None)
@given(programs)
def test_a_python_literal_gives_exactly_its_code(program: str) -> None:
    assert read_call(repr({"name": "python", "arguments": {"code": program}})) == Call(code=program)


@settings(deadline=None)
@given(programs, st.data())
def test_a_call_that_lost_a_character_gives_its_code_or_an_error(program: str, data: st.DataObject) -> None:
    """Losing one of the frame's characters may not make another program of it."""
    head, tail = '{"name": "python", "arguments": {"code": ', "}}"
    body = head + json.dumps(program) + tail
    lost = data.draw(st.sampled_from([*range(len(head)), len(body) - 1, len(body) - 2]))
    assert read_call(body[:lost] + body[lost + 1 :]).code in (program, None)


@settings(deadline=None)
@given(st.one_of(st.text(), st.text("{}[]\"'\\:,<>=/ncodeparguments \n")))
def test_no_body_raises(body: str) -> None:
    call = read_call(body)
    assert (call.code is None) is not (call.error is None)


def test_of_two_calls_in_a_turn_the_first_runs() -> None:
    turn = "".join(f"<tool_call>\n{READ['valid'].replace('7', str(number))}\n</tool_call>" for number in (7, 8))
    assert HERMES.find_code(turn) == Call(code=CODE)


def test_openmath_reads_json_as_a_call_and_never_runs_it() -> None:
    assert OPENMATH.find_code(f"<tool_call>\n{READ['valid']}\n</tool_call>") == Call(code=CODE)
    damaged = OPENMATH.find_code('<tool_call>\n{"name": "python", "arguments": {"code": 5}}\n</tool_call>')
    assert damaged is not None and damaged.error is not None
    assert damaged.error.endswith("Write it as plain Python code between <tool_call> and </tool_call>")


@pytest.mark.parametrize(
    "body", [f"```python\n{CODE}\n```", f"  {CODE}".replace("\n", "\n  "), CODE.replace("\n", "\r\n")]
)
def test_openmath_takes_fences_and_indents_off(body: str) -> None:
    assert OPENMATH.find_code(f"<tool_call>\n{body}\n</tool_call>") == Call(code=CODE)


def test_openmath_runs_a_program_that_begins_with_a_brace() -> None:
    assert OPENMATH.find_code("<tool_call>\n{n: n * 7 for n in range(9)}[6]\n</tool_call>") == Call(
        code="{n: n * 7 for n in range(9)}[6]"
    )


@pytest.mark.parametrize(
    "header",
    [
        "<|channel|>commentary to=functions.python <|constrain|>json<|message|>",
        "<|start|>assistant to=functions.python<|channel|>commentary<|constrain|>json<|message|>",
        "<|channel|>commentary to=python<|message|>",
        "<|channel|>analysis to=python code<|message|>",
    ],
)
@pytest.mark.parametrize("body", [json.dumps({"code": CODE}), CODE], ids=["JSON", "plain"])
def test_harmony_reads_code_and_json_to_any_spelling_of_the_tool(header: str, body: str) -> None:
    assert HARMONY.find_code(f"Hm.<|end|>{header}{body}<|call|>") == Call(code=CODE)


def test_harmony_names_the_tool_there_is() -> None:
    call = HARMONY.find_code("<|channel|>commentary to=browser.search<|message|>{}<|call|>")
    assert call is not None and call.error is not None
    assert call.error.startswith("there is no tool 'browser.search': the only one is 'python'. Write")


def test_a_call_has_code_or_an_error() -> None:
    with pytest.raises(ValueError, match="Call must have either code or error"):
        Call()
