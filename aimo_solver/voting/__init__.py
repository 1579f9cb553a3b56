"""Votes over trajectories."""

from aimo_solver.voting.vote import TieBreak, Vote, plurality

__all__ = ["TieBreak", "Vote", "plurality"]
