"""How a model family writes thoughts, code, output and answers: one family a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aimo_solver.dialects.cot import COT
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.harmony import HARMONY
from aimo_solver.dialects.hermes import HERMES
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.dialects.openmath import OPENMATH
from aimo_solver.dialects.s1 import S1
from aimo_solver.errors import InputError

DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect for dialect in (NUMINA, OPENMATH, HERMES, HARMONY, S1, COT)
}


def find_dialect(name: str) -> Dialect:
    """The dialect of that name. Raises InputError that lists what there is."""
    if name not in DIALECTS:
        raise InputError(f"dialect must be one of {', '.join(DIALECTS)}, got {name!r}")
    return DIALECTS[name]
