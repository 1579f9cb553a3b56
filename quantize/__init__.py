"""Checkpoints made from others: merged, and quantised."""
