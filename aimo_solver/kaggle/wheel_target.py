"""The machine that wheels are for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags

from aimo_solver.errors import InputError

_OLDEST_GLIBC: Final = 5
_LEGACY: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True)
class WheelTarget:
    """The machine that the wheels are for: Linux x86-64, CPython."""

    python: str = "3.12"
    glibc: int = 35
    """Minor version: 35 means glibc 2.35, as in Kaggle's image."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"3\.\d+", self.python):
            raise InputError(f"python must be a version such as 3.12, got {self.python!r}")
        if self.glibc < _OLDEST_GLIBC:
            raise InputError(f"glibc must be at least {_OLDEST_GLIBC} (glibc 2.{_OLDEST_GLIBC}), got {self.glibc!r}")

    @property
    def platforms(self) -> list[str]:
        """Platform tags, newest first."""
        names: list[str] = []
        for minor in range(self.glibc, _OLDEST_GLIBC - 1, -1):
            names.append(f"manylinux_2_{minor}_x86_64")
            if minor in _LEGACY:
                names.append(f"{_LEGACY[minor]}_x86_64")
        return [*names, "linux_x86_64"]

    @property
    def tags(self) -> set[Tag]:
        """The wheel tags that it can install."""
        major, minor = (int(part) for part in self.python.split("."))
        interpreter = f"cp{major}{minor}"
        return {
            *cpython_tags((major, minor), platforms=self.platforms),
            *compatible_tags((major, minor), interpreter, self.platforms),
        }

    def needs(self, requirement: Requirement) -> bool:
        """Whether the requirement's marker holds there, without extras."""
        if requirement.marker is None:
            return True
        environment = {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": "x86_64",
            "os_name": "posix",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "extra": "",
        }
        return requirement.marker.evaluate(environment)
