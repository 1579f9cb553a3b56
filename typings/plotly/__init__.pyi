"""The parts of plotly that reports use; the library has no types."""
