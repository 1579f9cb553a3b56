"""Validation sets: manifests, the rows behind them, checks, and the hub as it answers."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from aimo_solver.cli import main as cli
from aimo_solver.errors import InputError
from aimo_solver.problems.problem import ANSWER_RULES, Problem
from aimo_solver.problems.sets.check import check_set
from aimo_solver.problems.sets.fetch import adopt_set, cached_path, fetch_set, find_problem_set
from aimo_solver.problems.sets.manifest import MANIFESTS, Correction, Hub, Layout, Manifest, canonical_hash, manifests
from aimo_solver.problems.sets.rows import correct, gold_integer, to_problems

NUMINA = {"aime_2022_2024": 90, "amc12_2022_2023_integer": 83, "math_level4_integer": 754, "math_level5_integer": 721}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMO_CACHE", str(tmp_path / "cache"))


def manifest(**changes: object) -> Manifest:
    given = {"name": "small", "title": "Small", "rule": "all", "licence": "none", "redistribution": "nothing"} | changes
    return Manifest(**given)  # pyright: ignore[reportArgumentType]


def problems(*golds: int | None) -> list[Problem]:
    return [Problem(f"p{n}", "?", gold) for n, gold in enumerate(golds)]


def test_every_manifest_is_complete() -> None:
    known = manifests()
    assert NUMINA.items() <= {name: m.count for name, m in known.items()}.items()
    for name, one in known.items():
        assert (one.sha256 is None) == (one.unverified is not None), name
        assert one.answer_rule in ANSWER_RULES and one.licence and one.redistribution, name


def test_no_statement_is_in_the_project() -> None:
    assert {path.suffix for path in MANIFESTS.iterdir()} == {".toml", ".jsonl"}
    assert [path.name for path in MANIFESTS.glob("*.jsonl")] == ["demo.jsonl"]
    assert all(path.stat().st_size < 6000 for path in MANIFESTS.glob("*.toml"))


def test_the_hash_is_of_ids_and_answers_in_any_order() -> None:
    rows = problems(1, -2, 10**20)
    assert canonical_hash(rows) == canonical_hash(rows[::-1])
    assert canonical_hash(rows) != canonical_hash(problems(1, 2, 10**20))
    assert canonical_hash([Problem("p0", "other words", 1)]) == canonical_hash(problems(1))


@pytest.mark.parametrize(
    ("golds", "sentence"),
    [
        ((1, 2), "has 2 problems, the manifest says 3"),
        ((1, 2, 4), "some id or answer differs from the manifest"),
        ((1, 2, None), "1 problem without an answer, the first is 'p2'"),
    ],
)
def test_another_set_is_not_taken_for_the_manifests(golds: tuple[int | None, ...], sentence: str) -> None:
    verdict = check_set(manifest(count=3, sha256=canonical_hash(problems(1, 2, 3))), problems(*golds))
    assert not verdict.same and sentence in verdict.text


def test_answers_outside_the_answer_rule_are_reported() -> None:
    verdict = check_set(manifest(answer_rule="aimo3"), problems(1, -2))
    assert not verdict.same and "1 answer outside the rule aimo3, the first is that of 'p1'" in verdict.text


def test_an_unverified_set_is_the_same_as_far_as_it_is_known() -> None:
    verdict = check_set(manifest(count=2, unverified="no copy yet"), problems(1, 2))
    assert verdict.same and "unverified: no copy yet" in verdict.text


# Rows

WIKI = "https://artofproblemsolving.com/wiki/index.php/"


def test_contests_are_named_by_their_wiki_page() -> None:
    rows = [
        {"problem": " a ", "answer": "116", "url": f"{WIKI}2022_AIME_I_Problems/Problem_1"},
        {"problem": "b", "answer": -4.0, "url": f"{WIKI}2023_AMC_12B_Problems/Problem_25"},
    ]
    assert to_problems(manifest(hub=Hub("x", layout=Layout.AOPS)), rows) == [
        Problem("aime_2022_I_1", "a", 116, "AIME I 2022, Problem 1"),
        Problem("amc12_2023_B_25", "b", -4, "AMC 12B 2023, Problem 25"),
    ]


def test_math_takes_the_last_box_that_int_reads() -> None:
    def row(number: int, solution: str, level: object = 5, split: str = "test") -> dict[str, object]:
        return {
            "unique_id": f"{split}/counting_and_probability/{number}.json",
            "level": level,
            "problem": "?",
            "solution": solution,
        }

    rows = [
        row(1, r"\boxed{3} or rather \boxed{ -4 }"),
        row(2, r"\boxed{\frac12}"),
        row(3, r"\boxed{7}", "Level 5"),
        row(4, r"\boxed{7}", 4),
        row(5, r"\boxed{7}", 5, "train"),
        row(6, "no box"),
    ]
    found = to_problems(manifest(hub=Hub("x", layout=Layout.MATH, level=5)), rows)
    assert [(p.id, p.gold) for p in found] == [
        ("math_test_counting_and_probability_1", -4),
        ("math_test_counting_and_probability_3", 7),
    ]
    assert found[0].family == "Counting & Probability"


def test_plain_rows_without_an_integer_are_left_out() -> None:
    rows = [
        {"n": 1, "q": "a", "a": "42"},
        {"n": 2, "q": "b", "a": r"\sqrt{2}"},
        {"n": 3, "q": "c", "a": r"\frac{84}{2}"},
    ]
    hub = Hub("x", id="n", problem="q", answer="a")
    assert [(p.id, p.gold) for p in to_problems(manifest(hub=hub), rows)] == [("small_1", 42), ("small_3", 42)]


def test_a_source_that_has_changed_is_refused_by_row() -> None:
    with pytest.raises(InputError, match=r"small, row 2 of the source: KeyError\('answer'\); has it changed?"):
        to_problems(manifest(hub=Hub("x")), [{"problem": "a", "answer": "1"}, {"problem": "a"}])


@pytest.mark.parametrize(
    ("text", "value"), [("42", 42), ("-3", -3), (r"$\frac{24}{2}$", 12), ("1,024", 1024), ("2^{10}", 1024), ("x", None)]
)
def test_golds_that_are_not_canonical_are_checked_against_math_verify(text: str, value: int | None) -> None:
    pytest.importorskip("math_verify")
    assert gold_integer(text) == value


def test_corrections_made_twice_change_nothing_more() -> None:
    rows = [Problem("a", "more than 1 of them", 5), Problem("b", "?", 6)]
    wanted = (
        Correction("a", "wrong key", answer=125),
        Correction("b", "no such words", replace="more than 1", by="more than two"),
    )
    once = correct(rows, wanted)
    assert [p.gold for p in once] == [125, 6] and correct(once, wanted) == once
    words = correct(rows, (Correction("a", "a slip", replace="more than 1", by="more than two"),))
    assert words[0].text == "more than two of them"


# The cache and the command


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
    with pytest.raises(
        InputError, match="has not been fetched yet; aimo sets fetch aime_2025, or --from a local copy"
    ):
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


# The hub: its real client against a small server that answers as the hub does


class HubStub(BaseHTTPRequestHandler):
    files: dict[str, bytes]
    commit = "0" * 40

    def do_GET(self) -> None:
        self._answer(head=False)

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def _answer(self, *, head: bool) -> None:
        path = self.path.split("?")[0]
        name = path.rpartition(f"/resolve/{self.commit}/")[2]
        if path.startswith("/api/datasets/team/set/tree/"):
            files = [{"type": "file", "path": name, "size": len(data), "oid": "1"} for name, data in self.files.items()]
            body = json.dumps(files).encode()
        elif path.startswith("/api/datasets/team/set/"):
            body = json.dumps({"id": "team/set", "sha": self.commit, "siblings": []}).encode()
        elif name in self.files:
            body = self.files[name]
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


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
    verdict = fetch_set(manifest(name="aime_2025", count=2, hub=Hub("team/set", files=glob)))
    assert verdict.same
    assert [(p.id, p.gold) for p in find_problem_set("aime_2025").problems] == [("aime_2025_1", 2), ("aime_2025_2", -7)]


def test_a_hub_without_the_files_is_refused(hub: dict[str, bytes]) -> None:
    hub["README.md"] = b"# A card"
    with pytest.raises(InputError, match=r"team/set at main has no file like \*\*/\*\.parquet; has it changed\?"):
        fetch_set(manifest(hub=Hub("team/set")))


def test_a_set_that_the_hub_does_not_have_is_refused(hub: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match=r"no-team/no-set at main cannot be downloaded \(.*\); try again"):
        fetch_set(manifest(hub=Hub("no-team/no-set")))


def test_without_a_network_the_others_are_still_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    code, printed = aimo("fetch", "aime_2025", "math_500")
    assert code == 1
    assert printed.count("cannot be downloaded") == 2 and "Traceback" not in printed
