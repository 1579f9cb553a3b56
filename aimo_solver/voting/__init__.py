"""Votes: which answer a group of rollouts gives."""

from aimo_solver.voting.rules import VOTE_RULES, VoteRule, find_vote_rule
from aimo_solver.voting.top_scored import top_scored
from aimo_solver.voting.vote import Vote, plurality
from aimo_solver.voting.vote_counter import VoteCounter

__all__ = ["VOTE_RULES", "Vote", "VoteCounter", "VoteRule", "find_vote_rule", "plurality", "top_scored"]
