"""Stub of `kaggle_evaluation.aimo_N_inference_server`: the same calls, over a local socket.

It behaves like Kaggle's as far as a submission can tell: it requires a plain function named `predict`;
`serve` waits for a gateway in another process, `run_local_gateway` runs one itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from aimo_solver.kaggle.gateways.local_gateway import LocalServer, ask_all
from aimo_solver.problems.problem import AIMO2, AIMO3, AnswerRule
from aimo_solver.problems.problem_set import load_problem_set

SOCKET_VARIABLE: Final = "AIMO_GATEWAY_SOCKET"
"""Environment variable that names the socket on which to serve."""


class InferenceServer:
    """The part that both contests share."""

    rule: ClassVar[AnswerRule]

    def __init__(self, predict: Callable[..., Any]) -> None:
        if getattr(predict, "__name__", None) != "predict":
            raise ValueError("the function must be named predict")
        self._predict = predict

    def serve(self) -> None:
        """Answers a gateway in another process until it closes the connection."""
        LocalServer(self._predict, Path(os.environ[SOCKET_VARIABLE])).serve()

    def run_local_gateway(self, paths: tuple[str, ...]) -> None:
        """Asks the problems of a file and writes submission.parquet."""
        problems = load_problem_set(Path(paths[0]))
        ask_all(self._predict, problems, rule=self.rule, submission=Path("submission.parquet"))


class AIMO2InferenceServer(InferenceServer):
    """The server under its name in AIMO2."""

    rule = AIMO2


class AIMO3InferenceServer(InferenceServer):
    """The server under its name in AIMO3."""

    rule = AIMO3
