"""Runs every benchmark and prints its figures."""

from bench.engine_rate import main

if __name__ == "__main__":  # vLLM spawns processes that import this file again.
    main()
