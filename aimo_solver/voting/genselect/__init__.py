"""GenSelect: the model itself compares candidate solutions and names the best (arXiv 2504.16891)."""

from aimo_solver.voting.genselect.generative_selector import GenerativeSelector

__all__ = ["GenerativeSelector"]
