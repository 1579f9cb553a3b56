"""Glossary: the words of a report in one sentence each, shown on hover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aimo_solver.rollouts.trajectory import StopReason
from aimo_solver.sandbox.base import ExecutionStatus

_STOP_REASONS: Final[Mapping[StopReason, str]] = {
    StopReason.ANSWERED: "The model ended its turn with an answer.",
    StopReason.FLUSHED: "It ended, or was cut short, without an answer; asked for one, it gave it.",
    StopReason.NO_ANSWER: "The model ended its turn without an answer that the rules accept, and gave none when asked.",
    StopReason.TOKEN_LIMIT: "Its tokens or the context were used up, and asking for the answer gave none.",
    StopReason.ROUND_LIMIT: "It asked to run code more often than allowed, and asking for the answer gave none.",
    StopReason.DEADLINE: "Its time was up, and asking for the answer gave none.",
    StopReason.UNSURE: "Stopped because its confidence fell below that of the problem's first rollouts.",
    StopReason.CANCELLED: "Stopped because the vote was settled without it.",
    StopReason.SANDBOX_FAILED: "The sandbox itself failed, and asking for the answer gave none.",
    StopReason.ENGINE_FAILED: "The engine itself failed.",
    StopReason.FAILED: "An unexpected error; the run's log.txt names it.",
}
_STATUSES: Final[Mapping[ExecutionStatus, str]] = {
    ExecutionStatus.OK: "The code ran to its end.",
    ExecutionStatus.ERROR: "The code raised an exception.",
    ExecutionStatus.EXIT: "The code called sys.exit.",
    ExecutionStatus.TIMEOUT: "The code ran longer than allowed.",
    ExecutionStatus.MEMORY_LIMIT: "The code used more memory than allowed.",
    ExecutionStatus.OUTPUT_LIMIT: "The code printed more than allowed; head and tail are kept.",
    ExecutionStatus.DIED: "The process ended without reporting, as after a crash.",
    ExecutionStatus.STATE_LOST: "An earlier cell's end took the variables with it; this cell was not run.",
}
GLOSSARY: Final[Mapping[str, str]] = {
    "rollout": "One attempt at a problem, with its own seed.",
    "rollouts": "Attempts at problems, each with its own seed.",
    "right": "The answer equals the gold answer.",
    "wrong": "The answer differs from the gold answer.",
    "gold": "The right answer, as the problem set has it.",
    "answer": "What was answered: the vote's winner, or the contest's fallback where no rollout voted.",
    "majority": "Share of problems whose answer, after the vote, is right; with its 95 % interval.",
    "pass@1": "Share of finished rollouts that are right, each problem counting alike; with its 95 % interval.",
    "maj@k": "Chance that the vote of k rollouts is right.",
    "pass@k": "Chance that at least one of k rollouts is right.",
    "right per run": "Mean number of right answers in a whole pass over the set.",
    "sd": "Standard deviation over runs: how much of one run's result is luck.",
    "contested": "The rollouts of a problem gave more than one answer.",
    "votes by a flush": "Rollouts without an answer that gave one when they were asked for it, of all that were asked.",
    "votes": "Answers with their weights: how many rollouts gave each, where every rollout counts alike.",
    "lead": "Votes of the winner less votes of the runner-up, as a share of all votes.",
    "no answer": "The rollout ended without an answer that the rules accept.",
    "tokens": "Tokens that the model generated; prompts and code output are left out.",
    "code calls": "How often a rollout had its code run.",
    "seconds": "Time that the problems took, added up; side by side they share the engine.",
    "granted": "The time that the policy gave the problem.",
    "buffer": "Time saved so far: the mean grant less what each problem took, added up.",
    "entropy": "Mean over the rollout's tokens, in nats: how undecided the model was between alternatives.",
    "family": "Problems of one topic or contest, read off their source.",
    "policy": "The rules that decide how much time a problem gets and when to stop.",
    "dialect": "How this model family writes thoughts, code and answers.",
    "temperature": "How freely tokens are drawn: 0 always takes the likeliest.",
    "seed": "The number that the random draws follow from; the same seed repeats a run.",
    "special tokens": "The model's own marks, such as <|im_end|>: they structure a text and are not part of it.",
    **{str(reason): text for reason, text in _STOP_REASONS.items()},
    **{str(status): text for status, text in _STATUSES.items()},
}
