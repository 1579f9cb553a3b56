"""`python -m bench.gpu`: this benchmark without the others, and so without what only they need."""

from __future__ import annotations

import typer

from bench.gpu.bench import main

if __name__ == "__main__":  # vLLM spawns processes that import this file again.
    typer.run(main)
