"""Benchmarks: each prints what it measured today, as ratios within one run. `python -m bench`."""
