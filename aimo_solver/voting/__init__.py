"""Votes: which answer a group of rollouts gives."""

from aimo_solver.voting.rules import VOTE_RULES, VoteRule, find_vote_rule
from aimo_solver.voting.top_scored import top_scored
from aimo_solver.voting.vote import Vote, plurality

__all__ = ["VOTE_RULES", "Vote", "VoteRule", "find_vote_rule", "plurality", "top_scored"]
