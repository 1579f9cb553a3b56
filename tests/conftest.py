"""One hypothesis profile for every test: no deadline (machines stall), and the same examples every run."""

from hypothesis import settings

settings.register_profile("aimo", deadline=None, derandomize=True)
settings.load_profile("aimo")
