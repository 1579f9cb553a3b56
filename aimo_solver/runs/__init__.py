"""Runs: passes over problem sets, and the folders they leave."""
