"""The contests' own protocol, gRPC, between processes: what a gateway sees of a server that is late, slow, or dies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from aimo_solver.kaggle.gateways.local_gateway import GatewayFault, ask_server
from aimo_solver.kaggle.gateways.predict import make_predict
from aimo_solver.kaggle.gateways.relay import END, PORTS, RelayClient, RelayFault, RelayServer
from aimo_solver.kaggle.stubs.inference_server import ADDRESS_VARIABLE
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet
from tests.helpers.contests import AIMO3

PROJECT = Path(__file__).parents[2]
PROBLEMS = ProblemSet("two", (Problem("a", "1 + 1?"), Problem("b", "π ≤ 4?")))


def free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("localhost", 0))
        return plug.getsockname()[1]


@contextmanager
def serving(predict: Callable[..., Any], address: str) -> Generator[None]:
    server = RelayServer(predict, address=address)
    server.start()
    try:
        yield
    finally:
        server.stop()


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"unix:{tmp_path}/socket"


def test_a_gateway_in_another_process_asks_over_tcp(tmp_path: Path) -> None:
    address, problems = f"localhost:{free_port()}", tmp_path / "test.csv"
    problems.write_text('id,problem\na,1 + 1?\nb,"A ""quoted"",\nbroken $\\pi$ line"\n')
    asked = list[tuple[object, object]]()

    def answer(id: object, text: object) -> int:
        asked.append((id, text))
        return len(str(text))

    program = [sys.executable, "-m", "tests.helpers.gateway_process"]
    command = [*program, address, str(problems), str(tmp_path / "s.parquet")]
    with serving(make_predict(answer), address):
        subprocess.run(command, check=True, cwd=PROJECT, timeout=60)
    assert asked == [("a", "1 + 1?"), ("b", 'A "quoted",\nbroken $\\pi$ line')]
    assert pl.read_parquet(tmp_path / "s.parquet").select("id", "answer").rows() == [("a", 6), ("b", 29)]


SERVER = """
from aimo_solver.config.contest import find_contest
from aimo_solver.kaggle.gateways.predict import make_predict
from aimo_solver.kaggle.stubs.inference_server import InferenceServer

class AIMO3InferenceServer(InferenceServer):
    contest = find_contest("aimo3")

{start}
AIMO3InferenceServer(make_predict(lambda id, text: {answer})).serve()
print("served")
"""


@contextmanager
def server_process(address: str, *, answer: str = "len(text)", start: str = "") -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER.format(answer=answer, start=start)],
        cwd=PROJECT,
        env=os.environ | {ADDRESS_VARIABLE: address},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield process
        process.kill()


def ask(address: str, tmp_path: Path, process: subprocess.Popen[str], call_seconds: float | None = None) -> Any:
    return ask_server(
        address,
        PROBLEMS,
        rule=AIMO3,
        submission=tmp_path / "submission.parquet",
        call_seconds=call_seconds,
        is_alive=lambda: process.poll() is None,
    )


def test_a_server_that_is_late_is_waited_for_and_returns_after_the_last_problem(tmp_path: Path, address: str) -> None:
    with server_process(address, start="import time; time.sleep(1)") as process:
        assert ask(address, tmp_path, process) == {"a": 6, "b": 6}
        assert process.communicate(timeout=20)[0] == "served\n"


def test_a_server_that_ends_before_it_serves_is_not_waited_for(tmp_path: Path, address: str) -> None:
    with (
        server_process(address, start="raise SystemExit(1)") as process,
        pytest.raises(GatewayFault, match="the server's process ended before it served"),
    ):
        ask(address, tmp_path, process)


def test_a_server_that_dies_in_a_call_is_gone(tmp_path: Path, address: str) -> None:
    with (
        server_process(address, start="import os", answer="os._exit(1)") as process,
        pytest.raises(GatewayFault, match=r"[ab]: the server('s process ended| is gone)"),
    ):
        ask(address, tmp_path, process)


def test_the_first_call_has_no_deadline_and_later_ones_have(tmp_path: Path, address: str) -> None:
    slow = "(__import__('time').sleep(1.0), 1)[1]"
    with (
        server_process(address, answer=slow) as process,
        pytest.raises(GatewayFault, match=r"the answer took longer than 0\.3 s"),
    ):
        ask(address, tmp_path, process, call_seconds=0.3)


def test_what_predict_raises_reaches_the_gateway(address: str) -> None:
    def predict(*columns: object) -> None:
        raise KeyError("no")

    client = RelayClient([address])
    with serving(predict, address), pytest.raises(RelayFault, match="the server must not raise, got 'no'"):
        client.call("predict", "a")
    client.close()


def test_an_unknown_function_is_named(address: str) -> None:
    client = RelayClient([address])
    with serving(make_predict(lambda id, text: 1), address):
        with pytest.raises(RelayFault, match=r"No listener for answer was registered"):
            client.call("answer")
        client.close()


def test_calls_come_one_at_a_time_from_a_worker_thread(address: str) -> None:
    threads = set[int]()

    def predict(*columns: object) -> int:
        threads.add(threading.get_ident())
        return len(threads)

    client = RelayClient([address])
    with serving(predict, address):
        assert [client.call("predict") for _ in range(5)] == [1] * 5
        assert client.call(END) is None
    assert threads and threading.get_ident() not in threads


def test_a_server_takes_the_first_of_kaggles_ports_that_is_free() -> None:
    first = RelayServer(make_predict(lambda id, text: 1))
    second = RelayServer(make_predict(lambda id, text: 1))
    ports = [int(server.address.rpartition(":")[2]) for server in (first, second)]
    assert set(ports) <= set(PORTS) and PORTS.index(ports[0]) < PORTS.index(ports[1])
