"""The local gateway refuses what Kaggle's would refuse, and accepts the replies of our own `predict`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pandas as pd  # pyright: ignore[reportMissingTypeStubs]  # It has none.
import polars as pl
import pytest

from aimo_solver.kaggle.gateways.local_gateway import GatewayFault, ask_all, ask_server
from aimo_solver.kaggle.gateways.predict import make_predict
from aimo_solver.kaggle.gateways.relay import RelayServer
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet, load_problem_set
from tests.helpers.contests import AIMO2, AIMO3

PROBLEMS = ProblemSet("three", tuple(Problem(name, name * size) for size, name in enumerate("abc", start=1)))


def length(id: object, text: object) -> int:
    return len(str(text))


def test_every_problem_is_asked_and_submitted(tmp_path: Path) -> None:
    ask_all(make_predict(length), PROBLEMS, rule=AIMO3, submission=tmp_path / "submission.parquet", rng=Random(0))
    frame = pl.read_parquet(tmp_path / "submission.parquet")
    assert dict(frame.rows()) == {"a": 1, "b": 2, "c": 3}
    assert frame.schema == {"id": pl.String, "answer": pl.Int64}


def test_the_order_is_new_and_calls_come_one_at_a_time_from_another_thread(tmp_path: Path) -> None:
    orders, threads = set[str](), set[int]()

    def note(id: object, text: object) -> int:
        asked.append(str(id))
        threads.add(threading.get_ident())
        return 1

    for seed in range(8):
        asked: list[str] = []
        ask_all(make_predict(note), PROBLEMS, rule=AIMO3, submission=tmp_path / "s.parquet", rng=Random(seed))
        orders.add("".join(asked))
    assert len(orders) > 1
    assert threading.get_ident() not in threads


Reply = Callable[[pl.Series, pl.Series], object]
BAD_REPLIES: list[tuple[Reply, str]] = [
    (lambda id, text: 5, "a frame of one row, got 5"),
    (lambda id, text: None, "a frame of one row, got None"),
    (lambda id, text: [5], "a frame of one row"),
    (lambda id, text: pl.DataFrame({"id": ["x"], "answer": [5]}), "the id that was asked, got 'x'"),
    (lambda id, text: pl.DataFrame({"id": [id.item(0)] * 2, "answer": [5, 5]}), "one row of id and answer"),
    (lambda id, text: pl.DataFrame({"answer": [5]}), "one row of id and answer"),
    (lambda id, text: pl.DataFrame({"id": [id.item(0)], "answer": ["5"]}), "an integer that aimo2 accepts"),
    (lambda id, text: pl.DataFrame({"id": [id.item(0)], "answer": [5.0]}), "an integer that aimo2 accepts"),
    (lambda id, text: pl.DataFrame({"id": [id.item(0)], "answer": [1000]}), "an integer that aimo2 accepts"),
    (lambda id, text: 1 // 0, "must not raise, got ZeroDivisionError"),
]


@pytest.mark.parametrize(("reply", "words"), BAD_REPLIES)
def test_a_reply_that_would_cost_the_submission_ends_the_run(tmp_path: Path, reply: Reply, words: str) -> None:
    with pytest.raises(GatewayFault, match=words):
        ask_all(reply, PROBLEMS, rule=AIMO2, submission=tmp_path / "submission.parquet")
    assert not (tmp_path / "submission.parquet").exists()


def test_a_pandas_frame_is_accepted(tmp_path: Path) -> None:
    def predict(id: pl.Series, text: pl.Series) -> pd.DataFrame:
        return pd.DataFrame({"id": [id.item(0)], "answer": [5]})

    answers = ask_all(predict, PROBLEMS, rule=AIMO2, submission=tmp_path / "s.parquet")
    assert set(answers.values()) == {5}


def test_a_server_in_another_thread_is_asked_over_a_socket(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/socket"

    def serve() -> None:
        server = RelayServer(make_predict(length), address=address)
        server.start()
        server.wait()
        server.stop()

    server = threading.Thread(target=serve)
    server.start()
    answers = ask_server(address, PROBLEMS, rule=AIMO3, submission=tmp_path / "submission.parquet")
    server.join(10)
    assert answers == {"a": 1, "b": 2, "c": 3}
    assert not server.is_alive()


@pytest.mark.parametrize("kind", [pl.Series, pd.Series])
def test_columns_of_either_library_are_read(kind: type) -> None:
    frame = make_predict(length)(kind(["a"]), kind(["12345"]), kind([3]))
    assert frame.rows() == [("a", 5)]


def test_the_function_is_plain_and_called_predict() -> None:
    predict = make_predict(length)
    assert (predict.__name__, type(predict).__name__) == ("predict", "function")


def test_a_test_file_with_answers_quotes_newlines_and_letters_of_all_kinds(tmp_path: Path) -> None:
    statement = 'Gauß said "$\\frac{1}{2}$",\nand 🎲 ≤ π.'
    path = tmp_path / "test.csv"
    pl.DataFrame({"id": ["a"], "problem": [statement], "answer": [3]}).write_csv(path)
    seen: list[object] = []

    def note(id: object, text: object) -> int:
        seen.append(text)
        return 1

    ask_all(make_predict(note), load_problem_set(path), rule=AIMO3, submission=tmp_path / "s.parquet")
    assert seen == [statement]
