"""Path: the steps from a problem's prompt to a node of its tree.

Guarantees: immutable; generated tokens are kept as the engine returned them and never re-tokenised.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aimo_solver.rollouts.trajectory import Turn
from aimo_solver.sandbox.base import ExecutionStatus


class StepEnd(StrEnum):
    """Why a step ended."""

    CUT = "cut"
    """At the separator, or at the limit of its tokens: the text continues in another step."""
    CALL = "call"
    """The model asks for its code to be run."""
    TURN = "turn"
    """The model ended its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what the model wrote, and the run of the code it asked for."""

    token_ids: tuple[int, ...]
    text: str
    """The decoded token ids."""
    end: StepEnd
    end_tokens: int = 0
    """How many of the last token ids end the model's turn."""
    end_text: str = ""
    """Their text."""
    seconds: float = 0.0
    """Time spent generating."""
    code: str | None = None
    """The code that was run; it may have begun in an earlier step."""
    output: str | None = None
    """What the model is shown of the run; None when nothing was run."""
    shown: str = ""
    """The output as the dialect writes it."""
    shown_token_ids: tuple[int, ...] = ()
    opened: str = ""
    """The thinking that the output, as it is written, opens for what follows."""
    status: ExecutionStatus | None = None
    code_seconds: float = 0.0
    entropies: tuple[float, ...] | None = None
    confidences: tuple[float, ...] | None = None

    @property
    def failed(self) -> bool:
        """Whether its code failed: by how the run ended, not by what it printed."""
        return self.status not in (None, ExecutionStatus.OK)

    @property
    def continues(self) -> bool:
        """Whether another step can follow."""
        return self.status is ExecutionStatus.OK if self.end is StepEnd.CALL else self.end is StepEnd.CUT

    def as_turn(self) -> Turn:
        """Returns the step as a turn of a trajectory."""
        return Turn(
            text=self.text,
            tokens=len(self.token_ids),
            seconds=self.seconds,
            code=self.code,
            output=self.output,
            status=self.status,
            code_seconds=self.code_seconds,
            entropies=self.entropies,
            confidences=self.confidences,
        )


@dataclass(frozen=True, slots=True)
class Path:
    """Steps, one after another."""

    steps: tuple[Step, ...] = ()

    def __add__(self, step: Step) -> Path:
        return Path((*self.steps, step))

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The token ids of everything after the prompt, outputs included."""
        return tuple(token_id for step in self.steps for token_id in (*step.token_ids, *step.shown_token_ids))

    @property
    def open_token_ids(self) -> tuple[int, ...]:
        """The token ids up to where the model's turn can be continued: without the token that ended it, if one did."""
        end_tokens = self.steps[-1].end_tokens if self.steps else 0
        return self.token_ids[: len(self.token_ids) - end_tokens]

    @property
    def text(self) -> str:
        """Everything after the prompt, outputs included."""
        return "".join(step.text + step.shown for step in self.steps)

    @property
    def written(self) -> str:
        """What the model wrote, without outputs, and the thinking that was opened for it after them."""
        return "".join(step.text + step.opened for step in self.steps)

    @property
    def said(self) -> str:
        """The same without the tokens that end turns, to find answers in."""
        return "".join(step.text.removesuffix(step.end_text) + step.opened for step in self.steps)

    @property
    def turn_text(self) -> str:
        """What the model wrote since the last output: a blank line may have cut its code into steps."""
        place = max((place for place, step in enumerate(self.steps, 1) if step.output is not None), default=0)
        return "".join(step.text for step in self.steps[place:])

    @property
    def cells(self) -> tuple[str, ...]:
        """The code that has run, in order: it makes the session's variables."""
        return tuple(step.code for step in self.steps if step.code is not None)

    @property
    def tokens(self) -> int:
        """How many tokens were generated."""
        return sum(len(step.token_ids) for step in self.steps)
