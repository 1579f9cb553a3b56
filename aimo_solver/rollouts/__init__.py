"""Rollouts: attempts at a problem, generated or recorded."""
