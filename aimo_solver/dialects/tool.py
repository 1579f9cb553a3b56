"""The Python tool, as chat templates take a tool's declaration."""

from __future__ import annotations

from typing import Any


def python_tool(description: str) -> dict[str, Any]:
    """Returns the declaration: a function `python` with one text, `code`."""
    code = {"type": "string", "description": "The code to run."}
    parameters = {"type": "object", "properties": {"code": code}, "required": ["code"]}
    return {"type": "function", "function": {"name": "python", "description": description, "parameters": parameters}}
