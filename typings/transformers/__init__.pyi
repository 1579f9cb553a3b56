# Its own __init__ makes a type checker read every model it has, which takes minutes.
from typing import Any

def __getattr__(name: str) -> Any: ...
