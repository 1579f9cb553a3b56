"""Engines on vLLM. No other package imports vllm."""
