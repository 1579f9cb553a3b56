"""The engine on a GPU: start, memory, speed, prefix cache, stops, aborts and restarts. `python -m bench.gpu`."""
