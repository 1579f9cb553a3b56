"""Benchmarks: each prints what it measures, as ratios within one run. `python -m bench`."""
