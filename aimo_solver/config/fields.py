"""Field types of settings. Strict: 16.0, "16" and true are not integers; infinity and NaN are not numbers."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field

KNOWN_KEYS_ONLY: Final = ConfigDict(extra="forbid")

MAX_CELL_SECONDS: Final = 86_400.0
"""A day. No contest is as long, and the kernel's clocks take it."""
MIN_SESSION_BYTES: Final = 64 * 2**20
"""Python with numpy and sympy still solves equations in it; scipy needs more."""
MAX_SESSION_BYTES: Final = 2**42

Flag = Annotated[bool, Field(strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
PositiveInt = Annotated[int, Field(gt=0, strict=True)]
NonNegativeInt = Annotated[int, Field(ge=0, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
CellSeconds = Annotated[float, Field(gt=0, le=MAX_CELL_SECONDS, allow_inf_nan=False, strict=True)]
SessionBytes = Annotated[int, Field(ge=MIN_SESSION_BYTES, le=MAX_SESSION_BYTES, strict=True)]
PositiveShare = Annotated[float, Field(gt=0, le=1, strict=True)]
