"""Advice: what to do instead, in part of a sentence, for errors that come from where a cell runs."""

from __future__ import annotations

_LIBRARY_ADVICE = {
    "IPython": "it is not needed: display, await and %time work here without it",
    "nest_asyncio": "it is not needed: await and asyncio.run work here without it",
}
_NO_INPUT = "EOF when reading a line"


def advice(error: BaseException) -> str:
    """Returns the advice for this error; "" if there is none."""
    if isinstance(error, ModuleNotFoundError):
        return _for_module(error)
    if isinstance(error, EOFError):
        return "there is no input here: assign the value in the code" if str(error) == _NO_INPUT else ""
    if isinstance(error, NameError):
        return _for_name(error.name or "")
    if isinstance(error, (FileNotFoundError, PermissionError)):
        absolute = isinstance(error.filename, str) and error.filename.startswith("/")
        return "only the current folder is yours: use a relative path" if absolute else ""
    return ""


def _for_module(error: ModuleNotFoundError) -> str:
    name = error.name or ""
    if not name or "." in name or str(error) != f"No module named {name!r}":
        return ""
    if name in _LIBRARY_ADVICE:
        return _LIBRARY_ADVICE[name]
    from aimo_solver.sandbox.inside.libraries import importable

    return f"these libraries can be imported: {', '.join(importable())}"


def _for_name(name: str) -> str:
    if name == "get_ipython":
        return "it is not needed: display, await and %time work here without it"
    if name in ("Out", "In") or (name.startswith("_") and name.lstrip("_i").isdigit()):
        return "outputs have no numbers here: _ is the last one, __ the one before"
    return ""
