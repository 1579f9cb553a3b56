"""Poll: the outcome of several judgings of the same candidates."""

from __future__ import annotations

from collections import Counter

from aimo_solver.voting.genselect.candidate import Candidate


class Poll:
    """Counts judgings; `expected` are to come."""

    def __init__(self, expected: int) -> None:
        self._to_come = expected
        self._named: Counter[Candidate] = Counter()

    def add(self, named: Candidate | None) -> None:
        """Counts one judging; None means that it named no candidate."""
        self._to_come -= 1
        if named is not None:
            self._named[named] += 1

    @property
    def tally(self) -> tuple[tuple[int, int], ...]:
        """Answers and how many judgings named each, most first."""
        counts = sorted(self._named.items(), key=lambda item: (-item[1], item[0].answer))
        return tuple((candidate.answer, count) for candidate, count in counts)

    @property
    def winner(self) -> Candidate | None:
        """The candidate named most often; None if there is none, or several."""
        first, second = self._first_two()
        return self._named.most_common(1)[0][0] if first > second else None

    @property
    def decided(self) -> bool:
        """Whether the judgings to come cannot change the winner."""
        first, second = self._first_two()
        return first - second > self._to_come

    def _first_two(self) -> tuple[int, int]:
        first, second, *_ = [count for _, count in self._named.most_common(2)] + [0, 0]
        return first, second
