"""What our engine uses of vLLM, and whether a version's sources have it. Nothing of vLLM is imported.

Imports, arguments, enum members and environment variables are read from our own sources, so that none can be
forgotten. What is reached through an object, such as an output's fields, is listed here by its class.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from aimo_solver.config.settings import load_hardware
from aimo_solver.config.shipped import HARDWARE

ENGINE: Final = Path(__file__).parents[1] / "aimo_solver" / "engine" / "vllm"
ARGUMENT_CLASS: Final = "AsyncEngineArgs"
ENGINE_MAKER: Final = "VllmProcess"
"""Our class that passes its keywords to vLLM's engine arguments."""
IMPORTS: Final = "imports"
ENGINE_ARGUMENTS: Final = "engine arguments"
ARGUMENTS: Final = "arguments of classes"
PARAMETERS: Final = "parameters, by position"
MEMBERS: Final = "methods and fields"
VARIABLES: Final = "environment variables"
TEXTS: Final = "names of metrics, tasks and reasons"
GROUPS: Final = (IMPORTS, ENGINE_ARGUMENTS, ARGUMENTS, PARAMETERS, MEMBERS, VARIABLES, TEXTS)
_VARIABLE: Final = re.compile(r"VLLM_[A-Z0-9_]+")

_LLM: Final = "vllm/v1/engine/async_llm.py:AsyncLLM"
_MODEL: Final = "vllm/config/model.py:ModelConfig"
_MEMBERS: Final = {
    _LLM: (
        "from_engine_args generate encode abort collective_rpc shutdown errored output_processor engine_core "
        "vllm_config"
    ),
    "vllm/v1/engine/output_processor.py:OutputProcessor": "get_num_unfinished_requests tokenizer",
    "vllm/v1/engine/core_client.py:AsyncMPClient": "call_utility_async",
    "vllm/v1/engine/core.py:EngineCoreProc": "has_work",
    "vllm/config/vllm.py:VllmConfig": "model_config",
    _MODEL: (
        "max_model_len dtype quantization runner_type is_encoder_decoder architecture get_and_verify_max_len "
        "verify_with_parallel_config"
    ),
    "vllm/engine/arg_utils.py:EngineArgs": "create_model_config create_engine_config",
    "vllm/outputs.py:RequestOutput": "outputs finished prompt_logprobs",
    "vllm/outputs.py:CompletionOutput": "token_ids finish_reason stop_reason logprobs",
    "vllm/outputs.py:PoolingRequestOutput": "outputs",
    "vllm/outputs.py:PoolingOutput": "data",
    "vllm/logprobs.py:Logprob": "logprob rank",
    "vllm/platforms/interface.py:Platform": "is_cpu",
    "vllm/tool_parsers/abstract_tool_parser.py:ToolParserManager": "get_tool_parser",
    "vllm/tool_parsers/abstract_tool_parser.py:ToolParser": "extract_tool_calls",
    "vllm/entrypoints/openai/chat_completion/protocol.py:ChatCompletionRequest": "messages tools",
    "vllm/v1/metrics/reader.py:Metric": "name",
    "vllm/v1/metrics/reader.py:Counter": "value",
    "vllm/v1/worker/gpu_model_runner.py:GPUModelRunner": "get_model",
    "vllm/model_executor/layers/quantization/base_config.py:QuantizationConfig": (
        "get_min_capability get_supported_act_dtypes"
    ),
}
"""By file and class: what is used of its objects."""
_OPTIONAL_MEMBERS: Final = {"vllm/v1/engine/core_client.py:BackgroundResources": "engine_manager"}
"""Used where it is there: it names the exit codes of dead processes."""
_PARAMETERS: Final = {
    f"{_LLM}.from_engine_args": "engine_args",
    f"{_LLM}.generate": "prompt sampling_params request_id",
    f"{_LLM}.encode": "prompt pooling_params request_id",
    f"{_LLM}.abort": "request_id",
    f"{_LLM}.collective_rpc": "method",
    "vllm/v1/engine/core_client.py:AsyncMPClient.call_utility_async": "method",
    f"{_MODEL}.get_and_verify_max_len": "max_model_len",
    f"{_MODEL}.verify_with_parallel_config": "parallel_config",
    "vllm/model_executor/model_loader/weight_utils.py:get_quant_config": "model_config load_config",
    "vllm/tool_parsers/abstract_tool_parser.py:ToolParser.__init__": "tokenizer tools",
    "vllm/tool_parsers/abstract_tool_parser.py:ToolParser.extract_tool_calls": "model_output request",
}
"""By function: its first parameters, in order."""
_TEXTS: Final = {
    "vllm/v1/metrics/loggers.py|vllm/v1/spec_decode/metrics.py": (
        "vllm:spec_decode_num_draft_tokens vllm:spec_decode_num_accepted_tokens"
    ),
    "vllm/tasks.py": "classify",
    "vllm/v1/engine/__init__.py": "stop length abort",
    "vllm/config/model.py": "pooling",
}
"""By files, one of which has it: texts that are compared or sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something of vLLM that our engine uses."""

    group: str
    place: str
    """File, and the class or function in it; for an import its module; for texts the files that may have it."""
    name: str
    """Several, with spaces between them, for parameters."""
    optional: bool = False

    @property
    def shown(self) -> str:
        """The name as a table shows it."""
        owner = self.place.partition(":")[2]
        if self.group in (ARGUMENTS, MEMBERS):
            return f"{owner}.{self.name}"
        if self.group == PARAMETERS:
            return f"{owner}({self.name.replace(' ', ', ')})"
        return f"{self.place}.{self.name}" if self.group == IMPORTS else self.name


def names_used(folder: Path = ENGINE) -> list[Need]:
    """Returns everything that our engine and the shipped hardware settings use, each once."""
    needs = [*_listed(), *_of_hardware()]
    for path in sorted(folder.glob("*.py")):
        needs += _read_from(ast.parse(path.read_text(encoding="utf-8")))
    return sorted(set(needs), key=lambda need: (GROUPS.index(need.group), need.place, need.name))


def _listed() -> Iterator[Need]:
    for table, optional in ((_MEMBERS, False), (_OPTIONAL_MEMBERS, True)):
        for place, names in table.items():
            yield from (Need(group=MEMBERS, place=place, name=name, optional=optional) for name in names.split())
    for place, names in _PARAMETERS.items():
        yield Need(group=PARAMETERS, place=place, name=names)
    for place, names in _TEXTS.items():
        yield from (Need(group=TEXTS, place=place, name=name) for name in names.split())


def _of_hardware() -> Iterator[Need]:
    """Yields what the shipped hardware settings pass through."""
    for path in sorted(HARDWARE.glob("*.toml")):
        hardware = load_hardware(path.stem)
        yield from map(_engine_argument, hardware.engine or {})
        for name in hardware.environment or {}:
            if _VARIABLE.fullmatch(name):
                yield Need(group=VARIABLES, place="vllm/envs.py", name=name)


def _read_from(tree: ast.Module) -> Iterator[Need]:
    """Yields what one of our files imports, passes and sets."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "vllm":
            for alias in node.names:
                modules[alias.name] = node.module or ""
                yield Need(group=IMPORTS, place=node.module or "", name=alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from _keywords(node, node.func.id, modules)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id[:1].isupper():
            if node.value.id in modules and node.value.id != "AsyncLLM":
                yield Need(group=MEMBERS, place=f"{modules[node.value.id]}:{node.value.id}", name=node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _VARIABLE.fullmatch(node.value):
            yield Need(group=VARIABLES, place="vllm/envs.py", name=node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "arguments":
            yield from (_engine_argument(key) for key in _keys(node.value))


def _keywords(node: ast.Call, function: str, modules: dict[str, str]) -> Iterator[Need]:
    names = [keyword.arg for keyword in node.keywords if keyword.arg is not None]
    if function == ENGINE_MAKER:
        yield from map(_engine_argument, names)
    elif function in modules and function[:1].isupper():
        for name in names:
            yield Need(group=ARGUMENTS, place=f"{modules[function]}:{function}", name=name)


def _engine_argument(name: str) -> Need:
    return Need(group=ENGINE_ARGUMENTS, place=f"vllm/engine/arg_utils.py:{ARGUMENT_CLASS}", name=name)


def _keys(value: ast.expr | None) -> Iterator[str]:
    for node in ast.walk(value) if value is not None else ():
        if isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def find_missing(needs: Sequence[Need], tree: SourceTree) -> list[Need]:
    """Returns those that the sources lack."""
    return [need for need in needs if not tree.has(need)]


class SourceTree:
    """The sources of one version of vLLM."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, need: Need) -> bool:
        """Returns whether the sources have it."""
        if need.group == TEXTS:
            return any(f'"{need.name}"' in self._text(file) for file in need.place.split("|"))
        if need.group == VARIABLES:
            return f'"{need.name}"' in self._text(need.place)
        if need.group == IMPORTS:
            return need.name in _defined(self._module(need.place))
        place, _, owner = need.place.partition(":")
        tree = self._parsed(place) if place.endswith(".py") else self._module(place, need.place.partition(":")[2])
        if need.group == PARAMETERS:
            function = _find(tree, owner)
            wanted = need.name.split()
            return isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and (
                [one.arg for one in function.args.args if one.arg not in ("self", "cls")][: len(wanted)] == wanted
            )
        return need.name in self._members(tree, owner)

    def requirement(self, package: str) -> str:
        """Returns the versions of a package that vLLM asks for; an empty text for any."""
        found = re.search(rf"^Requires-Dist: {package}\b([^;\n]*)", self._text("METADATA"), re.MULTILINE)
        return (found[1].strip() or "any") if found else "-"

    def writes_into(self, argument: str) -> bool:
        """Returns whether an engine argument that is a table is written to, as the caller's own object."""
        text = self._text("vllm/engine/arg_utils.py")
        return bool(re.search(rf"self\.{argument}(\.update\(|\[[^\]]+\] = )", text))

    def _text(self, file: str) -> str:
        path = self._folder / file
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @cached_property
    def _trees(self) -> dict[str, ast.Module]:
        return {}

    def _parsed(self, file: str) -> ast.Module:
        if file not in self._trees:
            self._trees[file] = ast.parse(self._text(file))
        return self._trees[file]

    def _module(self, name: str, wanted: str = "") -> ast.Module:
        """Returns a module's tree; that of the module it takes `wanted` from, where it only passes it on."""
        base = name.replace(".", "/")
        file = f"{base}.py" if (self._folder / f"{base}.py").is_file() else f"{base}/__init__.py"
        tree = self._parsed(file)
        if wanted and _find(tree, wanted) is None:
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and wanted in {alias.name for alias in node.names}:
                    return self._module(node.module or "", wanted)
        return tree

    def _members(self, tree: ast.Module, owner: str) -> set[str]:
        """Returns the members of a class, those of its bases in the same file, and what its methods set on self."""
        found = _find(tree, owner)
        if not isinstance(found, ast.ClassDef):
            return set()
        names = set(_defined(found))
        for node in ast.walk(found):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
                names.add(node.attr)
            elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
                names |= {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
        for base in found.bases:
            name = base.value if isinstance(base, ast.Subscript) else base
            if isinstance(name, ast.Name) and name.id != owner:
                names |= self._members(tree, name.id)
        return names


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _find(tree: ast.AST, path: str) -> ast.AST | None:
    """Returns the class or function at a dotted path, wherever conditions put it."""
    name, _, rest = path.partition(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return _find(node, rest) if rest else node
    return None


def _defined(tree: ast.AST) -> frozenset[str]:
    return frozenset(_names(ast.iter_child_nodes(tree)))


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yields what a module or a class defines, under conditions too."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.If | ast.Try | ast.ExceptHandler):
            yield from _names(ast.iter_child_nodes(node))
