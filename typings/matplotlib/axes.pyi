from typing import Any

class Axes:
    spines: Any
    xaxis: Any
    yaxis: Any
    def __getattr__(self, name: str) -> Any: ...
