"""aimo_solver: answers olympiad problems with a language model, Python and a vote, inside a time limit."""

__version__ = "0.1.0"
