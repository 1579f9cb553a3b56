"""A stand-in for `kaggle_evaluation.aimo_N_inference_server`: the same calls, answered over a local socket.

It behaves as Kaggle's does as far as a submission can tell: it wants a plain function named
`predict`; `serve` waits for a gateway in another process, `run_local_gateway` plays one itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from aimo_solver.kaggle.gateways.local_gateway import LocalServer, play
from aimo_solver.problems.problem import AIMO2, AIMO3, AnswerRule
from aimo_solver.problems.problem_set import load_problem_set

SOCKET_VARIABLE = "AIMO_GATEWAY_SOCKET"
"""Names the socket at which the gateway is expected."""


class InferenceServer:
    """What both editions share."""

    rule: ClassVar[AnswerRule]

    def __init__(self, predict: Callable[..., Any]) -> None:
        if getattr(predict, "__name__", None) != "predict":
            raise ValueError("the function must be named predict")
        self._predict = predict

    def serve(self) -> None:
        """Answers a gateway in another process until it hangs up."""
        LocalServer(self._predict, Path(os.environ[SOCKET_VARIABLE])).serve()

    def run_local_gateway(self, paths: tuple[str, ...]) -> None:
        """Asks the file's problems and writes submission.parquet."""
        play(self._predict, load_problem_set(Path(paths[0])), self.rule, Path("submission.parquet"))


class AIMO2InferenceServer(InferenceServer):
    """AIMO2's name for it."""

    rule = AIMO2


class AIMO3InferenceServer(InferenceServer):
    """AIMO3's name for it."""

    rule = AIMO3
