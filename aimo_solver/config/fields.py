"""Field types of settings. Strict: 16.0, "16" and true are not integers; infinity and NaN are not numbers."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field

KNOWN_KEYS_ONLY: Final = ConfigDict(extra="forbid")

Flag = Annotated[bool, Field(strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
PositiveInt = Annotated[int, Field(gt=0, strict=True)]
NonNegativeInt = Annotated[int, Field(ge=0, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
PositiveShare = Annotated[float, Field(gt=0, le=1, strict=True)]
