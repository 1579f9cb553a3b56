"""Notebook syntax: turns a cell that is not Python into Python, line by line, as IPython's rules say.

What is turned, outside strings and brackets only:
- a cell that is indented as a whole loses its indent, and one with `>>>` prompts its prompts;
- `%time statement` and its kin run the statement and print its time; `%matplotlib` and its kin do nothing;
- `%run file.py` runs the file in the cell's own variables;
- `%%time` and its kin run the whole cell; `%%writefile name` writes it to a file; of any other `%%` nothing is run;
- `!command`, `pip install` and unknown magics print one sentence, and the rest of the cell runs;
- `name?` and `?name` print the signature and the documentation.

Guarantees: each line stays on its line, so that an error's line number is the cell's own.
Source: IPython's documentation and the behaviour of its `inputtransformer2`; nothing of it is here.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAGICS = "__magics__"
"""The name under which the translated code finds the Magics object (magics.py)."""
TIMED = frozenset({"time", "timeit", "prun", "memit"})
"""These measure a statement: it is run once, and its time printed."""
SILENT = frozenset(
    "alias autoawait automagic autoreload colors config load_ext matplotlib pdb precision reload_ext xmode".split()
)
"""These change nothing that a cell's output could show."""
_RUN = frozenset({"capture", "python", "python3"})
"""Cell magics whose body is run as it stands."""

_TOKEN = re.compile(
    r"""
      \#[^\n]*
    | \"{3} (?:\\. | (?!\"{3}).)* (?:\"{3} | \Z)
    | '{3} (?:\\. | (?!'{3}).)* (?:'{3} | \Z)
    | " (?:\\. | [^"\\\n])* "?
    | ' (?:\\. | [^'\\\n])* '?
    | \\\n
    | (?P<open> [(\[{])
    | (?P<close> [)\]}])
    | (?P<end> \n)
    """,
    re.VERBOSE | re.DOTALL,
)
_REST = r"(?P<rest>(?:\\.|[^\\\n])*)"
_MAGIC = re.compile(r"%{1,2}(?P<name>[A-Za-z_]\w*)\b[ \t]*" + _REST, re.DOTALL)
_SHELL = re.compile(r"!{1,2}" + _REST, re.DOTALL)
_INSTALL = re.compile(r"(?:(?:python3? -m |uv )?pip3?|conda|mamba|apt|apt-get) install\b" + _REST, re.DOTALL)
_HELP = re.compile(
    r"""
      \?{1,2} [ \t]* (?P<before> [\w.*%]+) [ \t]* (?:\#.*)? $
    | (?P<after> (?:[\w.*%] | \[\d+\])+) [ \t]* \?{1,2} [ \t;]* (?:\#.*)? $
    """,
    re.MULTILINE | re.VERBOSE,
)
_ASSIGNED = re.compile(
    r"(?P<target>[A-Za-z_][\w.,* \t\[\]]*=[ \t]*)(?P<kind>[%!])(?P<text>(?:\\.|[^\\\n])*)", re.DOTALL
)
_INDENT = re.compile(r"[ \t]*")
_TIMEIT_OPTIONS = re.compile(r"(?:-[nrpsvl][ =]?\S+[ \t]+|-[a-zA-Z][ \t]+)*")
_FILE = re.compile(r"[\w./]+\.py")
_PROMPT = re.compile(r"^(?:>>>|\.\.\.)(?: |$)", re.MULTILINE)


class Translation:
    """A cell as Python: its `text`, and whether it is `timed` as a whole."""

    __slots__ = ("text", "timed")

    def __init__(self, text: str, *, timed: bool = False) -> None:
        self.text = text
        self.timed = timed


def translate(code: str) -> Translation:
    """Returns the cell as Python, or as it is where nothing in it is notebook syntax."""
    code = _without_prompts(_dedent(code.removeprefix("\ufeff").replace("\r\n", "\n")))
    start = _first_statement(code)
    magic = _MAGIC.match(code, start)
    if magic is None or not code.startswith("%%", start):
        return Translation(_translate_lines(code))
    name, rest, body = magic["name"], magic["rest"].strip(), code[magic.end() :]
    above = "\n" * code.count("\n", 0, start)
    if name in TIMED:
        setup = _TIMEIT_OPTIONS.sub("", rest + " ", count=1).strip()
        return Translation(above + setup + _translate_lines(body), timed=True)
    if name in _RUN:
        return Translation(above + _translate_lines(body))
    if name in ("writefile", "file") and rest:
        return Translation(above + _call("write", rest, body.removeprefix("\n")))
    return Translation(above + _call("skip_cell", f"%%{name}"))


def _dedent(code: str) -> str:
    """Drops the first statement's indent from every line that has it, strings included, as IPython does."""
    start = _first_statement(code)
    indent = code[code.rfind("\n", 0, start) + 1 : start]
    if not indent:
        return code
    return "\n".join(line.removeprefix(indent) for line in code.split("\n"))


def _without_prompts(code: str) -> str:
    """Drops `>>> ` and `... ` in front of the lines if the first statement has one."""
    return _PROMPT.sub("", code) if _PROMPT.match(code, _first_statement(code)) else code


def _first_statement(code: str) -> int:
    """Returns where the first line that is neither empty nor a comment begins, after its indent."""
    at = 0
    while at < len(code):
        indented = _end(_INDENT, code, at)
        if code[indented : indented + 1] not in ("\n", "#", ""):
            return indented
        at = _next_line(code, indented)
    return 0


def _next_line(code: str, at: int) -> int:
    end = code.find("\n", at)
    return len(code) if end < 0 else end + 1


def _translate_lines(code: str) -> str:
    return "".join(_pieces(code))


def _pieces(code: str) -> Iterator[str]:
    at = 0
    while at < len(code):
        indented = _end(_INDENT, code, at)
        found = _translate_line(code, indented)
        if found is None:
            end = _end_of_statement(code, at)
            yield code[at:end]
        else:
            text, end = found
            yield code[at:indented] + text + "\n" * (code.count("\n", indented, end) - text.count("\n"))
        at = end


def _end_of_statement(code: str, at: int) -> int:
    """Returns where the next logical line begins: not inside a string, a bracket or after a backslash."""
    depth = 0
    for token in _TOKEN.finditer(code, at):
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth = max(0, depth - 1)
        elif token["end"] and not depth:
            return token.end()
    return len(code)


def _translate_line(code: str, at: int) -> tuple[str, int] | None:
    """Returns the line as Python and where it ends, before its newline; None if it is not notebook syntax."""
    if asked := _HELP.match(code, at):
        return _help(asked["before"] or asked["after"]), asked.end()
    if magic := _MAGIC.match(code, at):
        return _line_magic(magic["name"], magic["rest"]), magic.end()
    if shell := _SHELL.match(code, at):
        return _call("shell", _joined(shell["rest"])), shell.end()
    if install := _INSTALL.match(code, at):
        return _call("shell", _joined(install[0])), install.end()
    if assigned := _ASSIGNED.match(code, at):
        return assigned["target"] + _assigned_value(assigned["kind"], assigned["text"]), assigned.end()
    return None


def _assigned_value(kind: str, text: str) -> str:
    if kind == "!":
        return _call("shell", _joined(text)) + " or []"
    magic = _MAGIC.match("%" + text)
    if magic is not None and magic["name"] in TIMED and _is_expression(magic["rest"]):
        return _timed_value(magic["rest"])
    return _call("skip", f"%{_joined(text)}")


def _line_magic(name: str, rest: str) -> str:
    if name in SILENT:
        return "pass"
    if name in ("pip", "conda", "mamba", "uv"):
        return _call("shell", f"{name} {_joined(rest)}")
    if name == "run" and _FILE.fullmatch(rest.strip()):
        file = repr(rest.strip())
        return f"exec(compile(open({file}).read(), {file}, 'exec'))"
    if name not in TIMED:
        return _call("skip", f"%{name}")
    if name != "time":
        rest = _TIMEIT_OPTIONS.sub("", rest, count=1)
    if not rest.strip():
        return "pass"
    if name != "timeit" and _is_expression(rest):
        return _timed_value(rest)
    return f"with {MAGICS}.timer: {rest}" if _is_simple(rest) else f"with {MAGICS}.timer: exec({rest!r})"


def _timed_value(expression: str) -> str:
    """Arguments are evaluated from left to right: the clock is read first."""
    return f"{MAGICS}.timed({MAGICS}.now(), {expression.strip()})"


def _is_expression(text: str) -> bool:
    try:
        compile(text.strip(), "", "eval", _AWAIT, True)
    except (SyntaxError, ValueError):
        return False
    return "#" not in text and not text.rstrip().endswith("\\")


def _is_simple(text: str) -> bool:
    """Returns whether the statement may follow a colon; one that is not Python may, so that its error is shown."""
    try:
        compile(text, "", "exec", _AWAIT, True)
    except (SyntaxError, ValueError):
        return True
    try:
        compile(f"if 1: {text}", "", "exec", _AWAIT, True)
    except SyntaxError:
        return False
    return True


_AWAIT = 0x2000
"""ast.PyCF_ALLOW_TOP_LEVEL_AWAIT; `ast` itself takes milliseconds to import."""


def _help(name: str) -> str:
    if not _is_expression(name):
        return _call("skip", f"{name}?")
    return f"{MAGICS}.explain({name!r}, lambda: {name})"


def _joined(text: str) -> str:
    return text.replace("\\\n", " ").strip()


def _call(method: str, *texts: str) -> str:
    return f"{MAGICS}.{method}({', '.join(map(repr, texts))})"


def _end(pattern: re.Pattern[str], code: str, at: int) -> int:
    match = pattern.match(code, at)
    return match.end() if match else at
