"""Search over steps: a rollout that is a tree of steps instead of one text."""

from aimo_solver.rollouts.search.search_rollouts import SearchRollouts
from aimo_solver.rollouts.search.training_rows import training_rows

__all__ = ["SearchRollouts", "training_rows"]
