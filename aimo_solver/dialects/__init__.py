"""How a model family writes thoughts, code, output and answers: one family per file."""

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

TEMPLATE: Final = "template"
"""The name of the dialect that is made from a checkpoint's chat template (dialects/template.py)."""
DIALECT_NAMES: Final = ("auto", *DIALECTS, TEMPLATE)
"""What a preset may name; `auto` stands for the one that goes with the checkpoint (dialects/detection.py)."""


def find_dialect(name: str) -> Dialect:
    """Returns the dialect of that name, of those that need no checkpoint.

    Raises InputError, which lists the names, if there is none.
    """
    dialect = DIALECTS.get(name.casefold())
    if dialect is None:
        raise InputError(f"dialect must be one of {', '.join(DIALECT_NAMES)}, got {name!r}")
    return dialect
