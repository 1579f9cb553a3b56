r"""Calls: what a turn asks to be run, read from what models really write between the marks of a call.

A call in valid JSON gives exactly its code. One that is nearly JSON is repaired by these rules, in this order, or
answered with an error that says how to write it; it is never run as if it were the program:

1. Line breaks and tabs may stand in a string as they are; a backslash that begins no escape of JSON is itself.
2. A Python literal is read as Python reads it: single and triple quotes, a comma after the last item.
3. Up to three closing braces may be missing, or be too many. Of several calls the first runs, as nothing is
   generated after the first: the model reads its output and can ask for the next.
4. The arguments may be text: JSON of its own, or the code itself. The code may have another name, such as "input",
   as long as it is the only text among the arguments; it may stand beside the tool's name.
5. `<function=python><parameter=code>` and `<invoke name="python"><parameter name="code">` are calls too.
6. A fence around the whole code is taken off, and so is one around the whole call.

Quotes in the code that are not escaped are answered with the error: where the code ends would be a guess. A call of
another tool is answered with the name of the one there is.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from aimo_solver.dialects.code_blocks import unfenced

TOOL_NAME: Final = "python"
JSON_FORM: Final = '{"name": "python", "arguments": {"code": "..."}}'

_NAMES: Final = ("name", "function", "tool", "tool_name", "recipient_name")
_ARGUMENTS: Final = ("arguments", "parameters", "args", "params", "tool_input", "action_input", "input")
_CODE: Final = ("code", "python_code", "input", "script", "source", "program", "cell", "content", "text")
_OUR_TOOL: Final = re.compile(
    r"(?:functions?\.)?(?:\w*python\w*|i?python|jupyter|code|(?:code_)?interpreter|(?:exec|execute|run)(?:_code)?)"
    r"(?:\.(?:exec|execute|run|code))?",
    re.I,
)
_CALL_LIKE: Final = re.compile(
    r"\[?\s*\{\s*[\"']?(?:name|function|tool|tool_name|recipient_name|type|arguments|parameters|code)[\"']?\s*:"
)
_LATER_CALL: Final = re.compile(
    r"[\"'](?:name|tool|function)[\"']\s*:\s*[\"'][\w.]+[\"']\s*,\s*[\"'](?:arguments|parameters)[\"']\s*:"
)
_ESCAPE: Final = re.compile(r"\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4})|\\")
_FUNCTION: Final = re.compile(r"<(?:function=|invoke\s+name=)[\"']?(?P<name>[\w.-]+)[\"']?\s*>")
_PARAMETER: Final = re.compile(r"<parameter(?:=|\s+name=)[\"']?(?P<name>[\w.-]+)[\"']?\s*>\r?\n?")
_PARAMETER_ENDS: Final = re.compile(r"\r?\n?</(?:parameter|function|invoke)>")
_MAX_BRACES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to run code: the code, or why it cannot be read. Exactly one of them is given."""

    code: str | None = None
    error: str | None = None
    """What the model is shown instead of a run: which part of the call cannot be read, and how to write it."""

    def __post_init__(self) -> None:
        if (self.code is None) is (self.error is None):
            raise ValueError(f"Call must have either code or error, got {self.code!r} and {self.error!r}")


class _Unreadable(Exception):
    """What is wrong with a call, in a sentence's words."""


def read_call(body: str, *, form: str = JSON_FORM) -> Call:
    """Returns the call in what stands between a call's marks. `form`: how the model is to write one.

    Text that begins like no JSON and no XML is the code itself.
    """
    try:
        return Call(code=_code_in(body))
    except _Unreadable as error:
        return Call(error=f"the call cannot be read: {error}. Write it as {form}")


def looks_like_call(body: str) -> bool:
    """Whether text is meant as a call in JSON or XML, in a place where plain code is expected."""
    start = unfenced(body).lstrip()
    return _CALL_LIKE.match(start) is not None or _FUNCTION.match(start) is not None


def unknown_tool(name: str) -> str:
    """Returns what the model is shown when it calls a tool that it does not have."""
    return f"there is no tool {name!r}: the only one is {TOOL_NAME!r}"


def is_our_tool(name: str) -> bool:
    """Whether a name means the tool that runs Python, in one of the spellings that models know."""
    return _OUR_TOOL.fullmatch(name) is not None


def _code_in(body: str) -> str:
    text = unfenced(body).strip()
    if (function := _FUNCTION.search(text)) is not None and text.startswith("<"):
        return _code_of_function(text, function)
    if text.startswith(("{", "[")):
        return _code_of_object(_read(text))
    if text.startswith("<"):
        raise _Unreadable(f"it begins with {text[:20]!r}")
    if not text:
        raise _Unreadable("it is empty")
    if _LATER_CALL.search(text):  # `call: {"name": ...}` is Python that does nothing.
        raise _Unreadable(f"it begins with {text[:20]!r}")
    if (quoted := _quoted(text)) is not None:
        return quoted
    return unfenced(body).strip("\r\n")


def _quoted(text: str) -> str | None:
    """Returns the code of a body that is one JSON string; None if it is anything else."""
    try:
        value: object = json.loads(text, strict=False) if text.startswith('"') else None
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _code_of_function(text: str, function: re.Match[str]) -> str:
    _check_name(function["name"])
    given: dict[str, Any] = {}
    for parameter in _PARAMETER.finditer(text):
        end = _PARAMETER_ENDS.search(text, parameter.end())
        given[parameter["name"]] = text[parameter.end() : len(text) if end is None else end.start()]
    return _code_of_arguments(given)


def _code_of_object(call: Any) -> str:
    if isinstance(call, list):
        items = cast("list[Any]", call)
        call = items[0] if items else None
    if not isinstance(call, Mapping):
        raise _Unreadable("it is no object")
    fields = cast("Mapping[str, Any]", call)
    function = fields.get("function")
    if isinstance(function, Mapping):
        return _code_of_object(function)
    name = next((fields[key] for key in _NAMES if isinstance(fields.get(key), str)), None)
    if name is not None:
        _check_name(name)
    for key in _ARGUMENTS:
        arguments = fields.get(key)
        if isinstance(arguments, Mapping):
            return _code_of_arguments(cast("Mapping[str, Any]", arguments))
        if isinstance(arguments, str):
            return _code_of_text(arguments)
    return _code_of_arguments({key: value for key, value in fields.items() if key not in ("type", "id", *_NAMES)})


def _code_of_text(arguments: str) -> str:
    """Returns the code of arguments that are text: a JSON object, or the code itself."""
    if arguments.lstrip().startswith("{"):
        try:
            inner = _read(arguments.strip())
        except _Unreadable:
            if _CALL_LIKE.match(arguments.lstrip()):
                raise
        else:
            if isinstance(inner, Mapping):
                return _code_of_arguments(cast("Mapping[str, Any]", inner))
    return unfenced(arguments)


def _code_of_arguments(arguments: Mapping[str, Any]) -> str:
    texts = {key: value for key, value in arguments.items() if isinstance(value, str)}
    found = [texts[key] for key in _CODE if key in texts] or list(texts.values())
    if not found:
        raise _Unreadable('its arguments must hold "code", a text')
    if len(texts) > 1 and not any(key in texts for key in _CODE):
        raise _Unreadable(f'its arguments must hold "code", got {", ".join(map(repr, texts))}')
    return unfenced(found[0])


def _check_name(name: str) -> None:
    if not is_our_tool(name):
        raise _Unreadable(unknown_tool(name))


def _read(text: str) -> Any:
    """Returns what text that begins like JSON holds. Raises _Unreadable."""
    reason = "it is not JSON"
    for candidate in _with_other_braces(text):
        for is_strict in (True, False):
            try:
                value, end = json.JSONDecoder(strict=is_strict).raw_decode(
                    candidate if is_strict else _ESCAPE.sub(_escaped, candidate)
                )
            except json.JSONDecodeError as error:
                if candidate is text and not is_strict:
                    reason = f"its JSON has an error in line {error.lineno}, column {error.colno} ({error.msg})"
            except (ValueError, RecursionError) as error:  # Python refuses very long integers and deep nesting.
                raise _Unreadable("it holds more than a call") from error
            else:
                _check_rest((candidate if is_strict else _ESCAPE.sub(_escaped, candidate))[end:])
                return value
        if (literal := _literal(candidate)) is not None:
            return literal
    raise _Unreadable(reason)


def _with_other_braces(text: str) -> Iterator[str]:
    """Yields the text, then the text with braces added at its end, then with braces taken from there."""
    yield text
    for count in range(1, _MAX_BRACES + 1):
        yield text + "}" * count
    for _ in range(_MAX_BRACES):
        if not text.endswith("}"):
            return
        text = text[:-1].rstrip()
        yield text


def _check_rest(rest: str) -> None:
    """Lets pass what may follow a call: braces too many, or another call."""
    rest = rest.lstrip(" \t\r\n,;")
    if rest.strip(" \t\r\n}]") and not _CALL_LIKE.match(rest):
        raise _Unreadable(f"its JSON is followed by {rest[:20]!r}")


def _escaped(match: re.Match[str]) -> str:
    return "\\\\" if match[0] == "\\" else match[0]


def _literal(text: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of escapes that it does not know.
            return cast(object, ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
