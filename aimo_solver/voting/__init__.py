"""Votes over trajectories."""

from aimo_solver.voting.top_scored import top_scored
from aimo_solver.voting.vote import TieBreak, Vote, plurality

__all__ = ["TieBreak", "Vote", "plurality", "top_scored"]
