"""The names of vLLM's tool parsers, read from its source."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from aimo_solver.engine.tool_calls import parser_names

SOURCE = """
_TOOL_PARSERS_TO_REGISTER = {
    "hermes": ("hermes_tool_parser", "Hermes2ProToolParser"),
    "glm45": ("glm4_moe_tool_parser", "Glm4MoeModelToolParser"),
}
"""


def test_the_names_are_those_that_the_version_registers(tmp_path: Path) -> None:
    (tmp_path / "tool_parsers").mkdir()
    (tmp_path / "tool_parsers" / "__init__.py").write_text(SOURCE)
    assert parser_names(tmp_path) == {"hermes", "glm45"}


def test_a_version_that_registers_none_has_none(tmp_path: Path) -> None:
    assert parser_names(tmp_path) == frozenset()


def test_the_installed_version_is_read_without_importing_it() -> None:
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("no vLLM is installed")
    assert parser_names() >= {"hermes", "qwen3_coder", "mistral"}
