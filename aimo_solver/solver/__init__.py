"""Solving one problem: rollouts, a vote, an answer."""
