from typing import Any

from plotly.graph_objects import Figure

def make_subplots(rows: int = ..., cols: int = ..., **arguments: Any) -> Figure: ...
