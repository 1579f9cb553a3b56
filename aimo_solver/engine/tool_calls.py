"""Tool calls: the protocol of what reads them in a family's form, and the names of vLLM's parsers.

Guarantees: the names are those that the installed version registers, read from its source, so that nothing of vLLM is
imported and the look-up takes milliseconds.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

_SOURCE: Final = Path("tool_parsers/__init__.py")
_REGISTER: Final = "_TOOL_PARSERS_TO_REGISTER"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call, as a parser has read it."""

    name: str
    arguments: str
    """JSON, unless the model has written something else there."""


class CallReader(Protocol):
    """Reads calls in a family's form."""

    def read(self, text: str) -> Sequence[ToolCall]:
        """Returns the calls in the text; none where it cannot read them."""
        ...


def parser_names(root: Path | None = None) -> frozenset[str]:
    """Returns the names of the tool parsers of the vLLM in a folder, by default the installed one; none without it."""
    place = root or _installed()
    return frozenset() if place is None or not (place / _SOURCE).is_file() else _registered(place)


@functools.cache
def _registered(root: Path) -> frozenset[str]:
    for node in ast.parse((root / _SOURCE).read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=keys)) if name == _REGISTER:
                return frozenset(str(key.value) for key in keys if isinstance(key, ast.Constant))
            case _:
                pass
    return frozenset()


def _installed() -> Path | None:
    spec = importlib.util.find_spec("vllm")
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None
