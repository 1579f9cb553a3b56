"""Sets in the cache: local copies, the hub, and the commands."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.errors import InputError
from aimo_solver.problems.sets.fetch import adopt_set, cached_path, fetch_set, find_problem_set
from aimo_solver.problems.sets.manifest import Hub, canonical_hash
from tests.helpers.hub_stub import HubStub
from tests.helpers.validation_sets import manifest, problems


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMO_CACHE", str(tmp_path / "cache"))


def write_copy(place: Path, name: str, golds: list[int]) -> Path:
    path = place / f"{name}.jsonl"
    path.write_text(
        "".join(json.dumps({"id": f"p{n}", "problem": "?", "answer": g}) + "\n" for n, g in enumerate(golds))
    )
    return path


def test_a_local_copy_is_saved_and_found_by_name(tmp_path: Path) -> None:
    adopt_set(
        manifest(name="aime_2025", count=2, sha256=canonical_hash(problems(1, 2))), write_copy(tmp_path, "x", [1, 2])
    )
    assert [p.gold for p in find_problem_set("aime_2025").problems] == [1, 2]


def test_a_wrong_copy_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has 1 problem, the manifest says 2; .*; nothing was saved"):
        adopt_set(manifest(count=2), write_copy(tmp_path, "x", [1]))
    assert not cached_path("small").exists()


def test_a_set_that_was_not_fetched_and_one_that_is_unknown() -> None:
    with pytest.raises(InputError, match="has not been fetched yet; aimo sets fetch aime_2025, or --from a local copy"):
        find_problem_set("aime_2025")
    with pytest.raises(InputError, match=r"set must be one of aime_2022_2024, .*, got 'aime_1999'"):
        find_problem_set("aime_1999")


def aimo(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(cli.app, ["sets", *arguments])
    return ran.exit_code, ran.output


def test_check_finds_the_manifest_by_the_files_name(tmp_path: Path) -> None:
    code, printed = aimo("check", "--from", str(write_copy(tmp_path, "aime_2022_2024", [1, 2])))
    assert code == 1 and "aime_2022_2024: NOT THE SET: has 2 problems, the manifest says 90" in printed


def test_list_and_show_print_the_manifests() -> None:
    code, printed = aimo("list", "--json")
    assert code == 0 and {"name": "aime_2022_2024", "count": 90, "verified": True} in json.loads(printed)
    code, printed = aimo("show", "amc12_2022_2023_integer")
    assert code == 0 and "corrected  amc12_2022_B_13" in printed and "faulty  amc12_2022_B_21" in printed


@pytest.mark.parametrize("command", ["list", "show", "fetch", "check"])
def test_help_has_an_example(command: str) -> None:
    code, printed = aimo(command, "--help")
    assert code == 0 and "Example: aimo sets" in printed


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    from huggingface_hub import constants

    HubStub.files = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), HubStub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub._snapshot_download.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    yield HubStub.files
    server.shutdown()
    server.server_close()


def parquet(rows: list[dict[str, object]]) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(rows).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["data/train-00000-of-00001.parquet", "test.jsonl"])
def test_a_set_is_fetched_through_the_hubs_client(hub: dict[str, bytes], name: str) -> None:
    rows: list[dict[str, object]] = [{"problem": "1 + 1?", "answer": "2"}, {"problem": "?", "answer": "-7"}]
    hub[name] = parquet(rows) if name.endswith("parquet") else "".join(f"{json.dumps(r)}\n" for r in rows).encode()
    hub["README.md"] = b"# A card"
    glob = "**/*.parquet" if name.endswith("parquet") else "test.jsonl"
    verdict = fetch_set(manifest(name="aime_2025", count=2, hub=Hub(dataset="team/set", files=glob)))
    assert verdict.same
    assert [(p.id, p.gold) for p in find_problem_set("aime_2025").problems] == [("aime_2025_1", 2), ("aime_2025_2", -7)]


def test_a_hub_without_the_files_is_refused(hub: dict[str, bytes]) -> None:
    hub["README.md"] = b"# A card"
    with pytest.raises(InputError, match=r"team/set at main has no file like \*\*/\*\.parquet; has it changed\?"):
        fetch_set(manifest(hub=Hub(dataset="team/set")))


def test_a_set_that_the_hub_does_not_have_is_refused(hub: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match=r"no-team/no-set at main cannot be downloaded \(.*\); try again"):
        fetch_set(manifest(hub=Hub(dataset="no-team/no-set")))


def test_without_a_network_the_others_are_still_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    code, printed = aimo("fetch", "aime_2025", "math_500")
    assert code == 1
    assert printed.count("cannot be downloaded") == 2 and "Traceback" not in printed
