"""vLLM's own engine arguments, as the installed version declares them: names, types and choices.

Guarantees: they are read from vLLM's source (`AsyncEngineArgs`), so that nothing of vLLM is imported and the check
takes a fraction of a second. A type that is neither plain nor a Literal (a configuration class, a platform's
backends) accepts any text, number, array or table; vLLM checks those when it starts. Where no vLLM is installed,
nothing is checked.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OWNED: Final = {
    "model": "--model",
    "dtype": "dtype",
    "tensor_parallel_size": "tensor_parallel",
    "max_model_len": "max_model_len",
    "max_num_seqs": "max_num_seqs",
    "gpu_memory_utilization": "gpu_memory_utilization",
    "kv_cache_dtype": "kv_cache_dtype",
    "stream_interval": "stream_interval",
    "enforce_eager": "enforce_eager",
    "speculative_config": "speculative",
}
"""Arguments that the hardware settings have a key of their own for."""
FIXED: Final = frozenset({"runner", "skip_tokenizer_init", "tokens_only", "worker_cls", "worker_extension_cls"})
"""Arguments with which the engine would not be the one that this project asks."""
_CLASSES: Final = ("EngineArgs", "AsyncEngineArgs")
_SOURCE: Final = Path("engine/arg_utils.py")
_PLAIN: Final[Mapping[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "list": (list, tuple),
    "set": (list, tuple),
    "dict": (dict,),
}
_MAX_HOPS: Final = 4
"""Imports that are followed to the definition of a type."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its type, as vLLM writes it, and the texts it accepts where it names them."""

    name: str
    annotation: ast.expr
    choices: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The type in words: "int | None", or the choices."""
        return " | ".join(map(repr, self.choices)) if self.choices else ast.unparse(self.annotation)

    def accepts(self, value: object) -> bool:
        """Returns whether the value is of this type."""
        return _accepts(self.annotation, value, self.choices)


def argument_faults(values: Mapping[str, object], root: Path | None = None) -> list[str]:
    """Returns what is wrong with the arguments, a sentence with its cure each. `root`: vLLM's folder."""
    place = root or _installed()
    if place is None:
        return []
    known = known_arguments(place)
    found: list[str] = []
    for name, value in values.items():
        if name in OWNED:
            found.append(f"engine.{name} has a key of its own; set {OWNED[name]} instead, outside [engine]")
        elif name in FIXED:
            found.append(f"engine.{name} is set by this project; leave it out")
        elif name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "vLLM's documentation lists its engine arguments"
            found.append(f"engine.{name} is no argument of the installed vLLM; {hint}")
        elif not known[name].accepts(value):
            found.append(f"engine.{name} must be {known[name].type}, got {value!r}")
    return found


@functools.cache
def known_arguments(root: Path) -> dict[str, Argument]:
    """Returns every argument of the vLLM in this folder, by name."""
    tree = _parse(root / _SOURCE)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in _CLASSES]
    found: dict[str, Argument] = {}
    for node in (node for one in classes for node in one.body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_":
            annotation = node.annotation
            if isinstance(annotation, ast.Constant):  # A forward reference.
                annotation = ast.parse(str(annotation.value), mode="eval").body
            found[node.target.id] = Argument(node.target.id, annotation, _choices(annotation, tree, root))
    return found


def _installed() -> Path | None:
    """Returns the installed vLLM's folder, without importing it."""
    spec = importlib.util.find_spec("vllm")
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _accepts(annotation: ast.expr, value: object, choices: tuple[str, ...]) -> bool:
    if choices and isinstance(value, str):
        return value in choices
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _accepts(left, value, ()) or _accepts(right, value, ())
        case ast.Subscript(value=ast.Name(id="Optional" | "Union"), slice=inner):
            options = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return any(_accepts(option, value, ()) for option in options)
        case ast.Constant(value=None):
            return value is None
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)) if name in _PLAIN:
            return isinstance(value, _PLAIN[name]) and (name == "bool" or not isinstance(value, bool))
        case ast.Subscript(value=ast.Name(id="type" | "Literal")):
            return False
        case _:
            return not choices and not isinstance(value, bool)


def _choices(annotation: ast.expr, tree: ast.Module, root: Path) -> tuple[str, ...]:
    """Returns the texts of a type that is a Literal, or one beside None; none where other texts are accepted, too."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _choices(left, tree, root)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            options = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return tuple(str(option.value) for option in options if isinstance(option, ast.Constant))
        case ast.Name(id=name) if name not in _PLAIN:
            defined = _definition(name, tree, root, _MAX_HOPS)
            # A name of another name, or a class, is left to vLLM.
            return _choices(defined, tree, root) if isinstance(defined, ast.Subscript) else ()
        case _:
            return ()


def _definition(name: str, tree: ast.Module, root: Path, hops: int) -> ast.expr | None:
    """Returns what vLLM assigns to a type's name, in this module or in the one that it is imported from."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                return value
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                return value
            case ast.ImportFrom(module=str(module), names=names, level=0) if hops and module.startswith("vllm."):
                if name in (alias.name for alias in names):
                    path = root.joinpath(*module.split(".")[1:])
                    files = [one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()]
                    return _definition(name, _parse(files[0]), root, hops - 1) if files else None
            case _:
                pass
    return None
