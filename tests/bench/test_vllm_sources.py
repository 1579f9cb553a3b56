"""Our engine's names in the sources of vLLM's official wheels, where they are kept; and what the check would miss."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bench.vllm_names import ARGUMENTS, GROUPS, MEMBERS, PARAMETERS, Need, SourceTree, find_missing, names_used
from bench.vllm_sources import PAGE, VERSIONS, fetch, page_with, sources_folder, table

needs_sources = pytest.mark.sources


def kept(version: str) -> SourceTree:
    folder = sources_folder(version)
    if not folder.is_dir():
        pytest.skip(f"the sources of vllm {version} are not kept here: python -m bench vllm-sources {version}")
    return SourceTree(folder)


@needs_sources
@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_that_the_engine_uses_is_there(version: str) -> None:
    missing = find_missing(names_used(), kept(version))
    assert [need.shown for need in missing if not need.optional] == []


@needs_sources
def test_the_page_has_the_table_of_today() -> None:
    for version in VERSIONS:
        kept(version)
    page = PAGE.read_text()
    assert page == page_with(page, table(VERSIONS)), "run python -m bench vllm-sources --write"


def test_names_of_every_group_are_found_in_our_own_sources() -> None:
    used = names_used()
    assert {need.group for need in used} == set(GROUPS)
    shown = {need.shown for need in used}
    assert {
        "vllm.sampling_params.SamplingParams",
        "speculative_config",  # passed by VllmEngine
        "enable_chunked_prefill",  # in the dict of VllmProcess
        "SamplingParams.include_stop_str_in_output",
        "RequestOutputKind.DELTA",
        "VLLM_CPU_KVCACHE_SPACE",
        "CompletionOutput.stop_reason",
    } <= shown


SOURCE = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from elsewhere import Late

class Base:
    inherited: int

class Thing(Base):
    field: int = 1

    def __init__(self, given):
        self.kept = given

    async def call(self, first, second=None): ...
"""


@pytest.fixture
def tree(tmp_path: Path) -> SourceTree:
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm/things.py").write_text(SOURCE)
    (tmp_path / "vllm/__init__.py").write_text("from vllm.things import Thing\n")
    (tmp_path / "METADATA").write_text("Requires-Dist: torch==2.10.0\nRequires-Dist: numpy\n")
    return SourceTree(tmp_path)


@pytest.mark.parametrize(
    ("group", "place", "name", "there"),
    [
        ("imports", "vllm.things", "Thing", True),
        ("imports", "vllm.things", "Late", True),
        ("imports", "vllm.things", "Gone", False),
        ("imports", "vllm.gone", "Thing", False),
        (MEMBERS, "vllm/things.py:Thing", "field", True),
        (MEMBERS, "vllm/things.py:Thing", "inherited", True),
        (MEMBERS, "vllm/things.py:Thing", "kept", True),
        (MEMBERS, "vllm/things.py:Thing", "renamed", False),
        (MEMBERS, "vllm/things.py:Gone", "field", False),
        (ARGUMENTS, "vllm:Thing", "field", True),
        (ARGUMENTS, "vllm:Thing", "renamed", False),
        (PARAMETERS, "vllm/things.py:Thing.call", "first second", True),
        (PARAMETERS, "vllm/things.py:Thing.call", "second first", False),
        (PARAMETERS, "vllm/things.py:Thing.gone", "first", False),
    ],
)
def test_what_is_missing_is_seen(tree: SourceTree, group: str, place: str, name: str, there: bool) -> None:
    assert tree.has(Need(group=group, place=place, name=name)) is there


def test_requirements_are_read(tree: SourceTree) -> None:
    assert [tree.requirement(name) for name in ("torch", "numpy", "jax")] == ["==2.10.0", "any", "-"]


def test_sources_are_taken_from_a_wheel_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMO_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "vllm-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("vllm/envs.py", "")
        wheel.writestr("vllm/model_executor/models/large.py", "")
        wheel.writestr("vllm/_C.abi3.so", "")
        wheel.writestr("vllm-1.0.dist-info/METADATA", "Requires-Dist: torch\n")
    folder = fetch("1.0", tmp_path)
    assert sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()) == [
        "METADATA",
        "vllm/envs.py",
    ]
    assert fetch("1.0") == folder
