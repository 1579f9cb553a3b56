"""Names: what a preset may name, matched whatever its case. The layers above map names to code."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from aimo_solver.errors import InputError


class Name(StrEnum):
    """An enum whose members are found by value in any case: `VoteName("Plurality")`."""

    @classmethod
    def _missing_(cls, value: object) -> Name | None:
        wanted = value.casefold() if isinstance(value, str) else value
        return next((member for member in cls if member.value == wanted), None)

    def __repr__(self) -> str:
        """Errors and settings show the plain name."""
        return repr(self.value)


class PolicyName(Name):
    """The time policies; docs/time.md compares them."""

    FIXED = "fixed"
    NUMINA = "numina"
    NEMOSKILLS = "nemoskills"
    IMAGINATION = "imagination"
    AIMO3_PUBLIC = "aimo3-public"
    ADAPTIVE = "adaptive"
    TABLE = "table"


class StoppingRuleName(Name):
    """The rules by which the policy `fixed` may stop."""

    CANNOT_BE_CAUGHT = "cannot-be-caught"
    AGREEMENT = "agreement"
    AGREEMENT_OF_LAST = "agreement-of-last"
    ENOUGH_FINISHED = "enough-finished"
    ADAPTIVE_CONSISTENCY = "adaptive-consistency"
    SEQUENTIAL_RATIO = "sequential-ratio"
    E_PROCESS = "e-process"
    SAME_WINDOW = "same-window"


class VoteName(Name):
    """The vote rules; `aimo revote` compares them on a finished run."""

    PLURALITY = "plurality"
    ENTROPY = "entropy"
    DEEPCONF_HIGH = "deepconf-high"
    DEEPCONF_LOW = "deepconf-low"
    DEEPCONF_TAIL = "deepconf-tail"
    CODE = "code"
    IMAGINATION = "imagination"
    SHORT = "short"
    LONG = "long"
    SCORE = "score"
    TOP_SCORED = "top-scored"


class TieBreak(Name):
    """Which of several answers of equal weight wins."""

    FIRST_ROLLOUT = "first_rollout"
    """The answer of the rollout with the lowest index: reproducible."""
    FIRST_FINISHED = "first_finished"
    """The answer that was given first."""
    FEWEST_TOKENS = "fewest_tokens"
    """The answer whose voters wrote the fewest tokens on average."""


class CodeMode(Name):
    """What happens to the code a model writes."""

    ON = "on"
    """It runs, and the model reads its output."""
    DISABLED = "disabled"
    """Every call is answered "code execution is disabled"."""
    OFF = "off"
    """Calls are not recognised: plain generation to the end of the turn."""


class SearchMethod(Name):
    """How a tree of steps is grown."""

    MCTS = "mcts"
    """Monte-Carlo tree search as in rStar-Math (arXiv 2501.04519)."""
    BEAM = "beam"
    """The best steps of each level are continued."""
    DVTS = "dvts"
    """Like beam, but each beam stays in its own subtree."""


class Effort(Name):
    """How long a model reasons, where its dialect can say so."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


N = TypeVar("N", bound=Name)


def find_name(kind: type[N], name: str, noun: str) -> N:
    """Returns the member of `kind` with this name. Raises InputError, which lists the names there are."""
    try:
        return kind(name)
    except ValueError:
        raise InputError(f"{noun} must be one of {', '.join(kind)}, got {name!r}") from None
