"""How a model family writes thoughts, code, output and answers: one family a file."""
