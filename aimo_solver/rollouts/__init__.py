"""Rollouts: attempts at a problem, live or recorded."""
