"""Confidence: how sure a model is of what it generates, and when a rollout is given up for lack of it.

Source: DeepConf (arXiv 2508.15260, facebookresearch/deepconf). A token's confidence is minus the mean
log-probability of its likeliest alternatives; a group's is the mean over a window of tokens. A text
shorter than the window is one group.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy takes a tenth of a second to import, and most commands never need it.
    import numpy as np
    from numpy.typing import NDArray

WINDOW_TOKENS = 2048
BOTTOM_SHARE = 0.1


def group_confidences(confidences: Sequence[float], window_tokens: int = WINDOW_TOKENS) -> NDArray[np.float64]:
    """Returns the mean of every window, in order; an empty array without tokens."""
    import numpy as np

    values = np.asarray(confidences, dtype=np.float64)
    if not len(values):
        return values
    width = min(window_tokens, len(values))
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return (sums[width:] - sums[:-width]) / width


def bottom_confidence(confidences: Sequence[float], window_tokens: int = WINDOW_TOKENS) -> float:
    """Returns the mean of the lowest tenth of the groups; 0 without tokens."""
    import numpy as np

    groups = np.sort(group_confidences(confidences, window_tokens))
    return float(groups[: max(1, math.ceil(BOTTOM_SHARE * len(groups)))].mean()) if len(groups) else 0.0


def lowest_confidence(confidences: Sequence[float], window_tokens: int = WINDOW_TOKENS) -> float:
    """Returns the lowest group's confidence; 0 without tokens."""
    groups = group_confidences(confidences, window_tokens)
    return float(groups.min()) if len(groups) else 0.0


def tail_confidence(confidences: Sequence[float], window_tokens: int = WINDOW_TOKENS) -> float:
    """Returns the last group's confidence; 0 without tokens."""
    groups = group_confidences(confidences, window_tokens)
    return float(groups[-1]) if len(groups) else 0.0


class ConfidenceGate:
    """The minimum confidence that rollouts of one problem must keep (DeepConf's online stop).

    The first `warm_up` rollouts set it to what `keep_share` of them never fell below. Until then every
    rollout passes.
    """

    def __init__(self, window_tokens: int, warm_up: int, keep_share: float) -> None:
        self.window_tokens = window_tokens
        self._warm_up, self._keep_share = warm_up, keep_share
        self._lowest: list[float] = []
        self.min_confidence: float = -math.inf

    def learn(self, confidences: Sequence[float]) -> None:
        """Takes the confidences of a rollout that came to its own end."""
        if len(self._lowest) < self._warm_up and confidences:
            self._lowest.append(lowest_confidence(confidences, self.window_tokens))
            if len(self._lowest) == self._warm_up:
                import numpy as np

                self.min_confidence = float(np.quantile(self._lowest, 1.0 - self._keep_share))


class RunningGroup:
    """The window that ends with the newest token of a rollout under way."""

    def __init__(self, window_tokens: int) -> None:
        self._window: deque[float] = deque(maxlen=window_tokens)
        self._sum = 0.0

    def add(self, confidences: Iterable[float]) -> None:
        for value in confidences:
            if len(self._window) == self._window.maxlen:
                self._sum -= self._window[0]
            self._window.append(value)
            self._sum += value

    @property
    def confidence(self) -> float | None:
        """The window's mean; None before the window is full, because a few tokens say nothing."""
        return self._sum / len(self._window) if len(self._window) == self._window.maxlen else None
