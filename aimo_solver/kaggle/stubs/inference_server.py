"""Stub of `kaggle_evaluation.aimo_N_inference_server`: the same calls, over the same protocol.

It behaves like Kaggle's as far as a submission can tell: it requires a plain function named `predict`;
`serve` waits for a gateway in another process, `run_local_gateway` runs one itself. `stub_server` writes
the module of one contest, whose class derives from this one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Final

import tomli_w

from aimo_solver.config.contest import Contest, ServerSettings
from aimo_solver.kaggle.gateways.local_gateway import ask_all
from aimo_solver.kaggle.gateways.relay import RelayServer
from aimo_solver.problems.problem import rule_of
from aimo_solver.problems.problem_set import load_problem_set
from aimo_solver.runs.writer import without_none

ADDRESS_VARIABLE: Final = "AIMO_GATEWAY_ADDRESS"
"""Environment variable that names the gRPC address on which to serve; if it is not set, Kaggle's ports are tried."""
CONTEST_FILE: Final = "contest.toml"
_MODULE: Final = '''"""Stub of {contest}'s server, for a rehearsal. It is not Kaggle's."""

from pathlib import Path

from aimo_solver.config.contest import find_contest
from aimo_solver.kaggle.stubs.inference_server import InferenceServer


class {class_name}(InferenceServer):
    contest = find_contest(str(Path(__file__).with_name("{contest_file}")))
'''


class InferenceServer:
    """An inference server of any contest."""

    contest: ClassVar[Contest]

    def __init__(self, predict: Callable[..., Any]) -> None:
        if getattr(predict, "__name__", None) != "predict":
            raise ValueError("the function must be named predict")
        self._predict = predict

    def serve(self) -> None:
        """Answers a gateway in another process until it has no more problems."""
        server = RelayServer(self._predict, address=os.environ.get(ADDRESS_VARIABLE, ""))
        server.start()
        try:
            server.wait()
        finally:
            server.stop()

    def run_local_gateway(self, paths: tuple[str, ...]) -> None:
        """Asks the problems of a file and writes the submission."""
        problems = load_problem_set(Path(paths[0]))
        ask_all(self._predict, problems, rule=rule_of(self.contest), submission=Path(self.contest.submission))


def stub_server(contest: Contest, server: ServerSettings, folder: Path) -> None:
    """Writes the contest's package into its input folder: the module that the contest names, with its class."""
    place = folder.joinpath(*server.module.split(".")).with_suffix(".py")
    place.parent.mkdir(parents=True)
    for package in place.parents[: server.module.count(".")]:
        (package / "__init__.py").touch()
    text = _MODULE.format(contest=contest.name, class_name=server.class_name, contest_file=CONTEST_FILE)
    place.write_text(text, encoding="utf-8")
    write_contest(contest, place.with_name(CONTEST_FILE))


def write_contest(contest: Contest, path: Path) -> None:
    """Writes the contest's TOML file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps(without_none(asdict(contest))), encoding="utf-8")
