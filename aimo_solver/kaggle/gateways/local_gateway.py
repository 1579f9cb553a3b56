"""A gateway that behaves like Kaggle's, for use where Kaggle's own is missing.

Polars Series of length 1, a new order in each run, one call at a time from a worker thread. Replies
are checked at least as strictly as in any contest: the id that was asked, one row, an integer within
the answer rule. A fault ends the run without a submission, as on Kaggle. `ask_all` calls `predict` in
this process. In a scoring run the server and the gateway are separate processes: `ask_server`, which
speaks the contests' own protocol (relay.py).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, cast

import polars as pl

from aimo_solver.errors import InputError
from aimo_solver.kaggle.gateways.relay import RelayClient, RelayFault
from aimo_solver.kaggle.submission import check_submission_path, write_submission
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.problems.problem_set import ProblemSet

Predict = Callable[..., Any]


class GatewayFault(InputError):
    """A reply that would have cost the submission."""


def ask_all(
    predict: Predict, problems: ProblemSet, *, rule: AnswerRule, submission: Path, rng: Random | None = None
) -> dict[str, int]:
    """Asks every problem, writes the submission and returns the answers. Raises GatewayFault for a bad reply."""
    check_submission_path(submission)
    order = list(problems.problems)
    (rng or Random()).shuffle(order)
    answers: dict[str, int] = {}
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="gateway") as caller:
        for problem in order:
            columns = (pl.Series("id", [problem.id]), pl.Series("problem", [problem.text]))
            try:
                reply = caller.submit(predict, *columns).result()
            except RelayFault as error:
                raise GatewayFault(f"{problem.id}: {error}") from error
            except Exception as error:
                raise GatewayFault(f"{problem.id}: predict must not raise, got {error!r}") from error
            answers[problem.id] = checked_answer(problem.id, reply, rule)
    write_submission(submission, answers)
    return answers


def checked_answer(id: str, reply: object, rule: AnswerRule) -> int:
    """Returns the answer in a reply. Raises GatewayFault if a contest would refuse it, now or at the end of the run."""
    if not isinstance(reply, pl.DataFrame) and hasattr(reply, "to_dict") and hasattr(reply, "columns"):
        pandas_frame = cast(Any, reply)
        reply = pl.DataFrame({name: list(pandas_frame[name]) for name in pandas_frame.columns})
    if not isinstance(reply, pl.DataFrame):
        raise GatewayFault(f"{id}: predict must return a frame of one row, got {reply!r}")
    if set(reply.columns) != {"id", "answer"} or len(reply) != 1:
        raise GatewayFault(f"{id}: the frame must have one row of id and answer, got {reply.to_dicts()!r}")
    row = reply.row(0, named=True)
    if row["id"] != id:
        raise GatewayFault(f"{id}: the frame must have the id that was asked, got {row['id']!r}")
    answer = row["answer"]
    if not isinstance(answer, int) or isinstance(answer, bool) or rule.apply(answer) != answer:
        raise GatewayFault(f"{id}: the answer must be an integer that {rule.name} accepts, got {answer!r}")
    return answer


def ask_server(
    address: str,
    problems: ProblemSet,
    *,
    rule: AnswerRule,
    submission: Path,
    call_seconds: float | None = None,
    is_alive: Callable[[], bool] = lambda: True,
    rng: Random | None = None,
) -> dict[str, int]:
    """Asks a server in another process, as `ask_all` does. Raises GatewayFault if it does not come up in time.

    `call_seconds`: the contest's limit for every call but the first; None means none. `is_alive`: whether the
    server's process runs.
    """
    client = RelayClient([address], call_seconds=call_seconds, is_alive=is_alive)

    def predict(*columns: pl.Series) -> object:
        return client.call("predict", *columns)

    try:
        return ask_all(predict, problems, rule=rule, submission=submission, rng=rng)
    finally:
        client.close()
