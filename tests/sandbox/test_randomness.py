"""What would come from the system's random numbers is the same in every session, of any sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from aimo_solver.sandbox.base import ExecutionStatus
from aimo_solver.sandbox.process_sandbox import ProcessSandbox
from tests.helpers.sandbox_sessions import run_cell_in, run_cells

GENERATORS = {
    "random": "import random\nrandom.random()",
    "unseeded_random": "import random\nrandom.Random().random()",
    "reseeded_random": "import random\nrandom.seed()\nrandom.random()",
    "system_random": "import random\nrandom.SystemRandom().random()",
    "numpy": "import numpy as np\nnp.random.rand()",
    "reseeded_numpy": "import numpy as np\nnp.random.seed()\nnp.random.rand()",
    "default_rng": "import numpy as np\nnp.random.default_rng().random()",
    "random_state": "import numpy as np\nnp.random.RandomState().rand()",
    "scipy": "from scipy.stats import norm\nnorm.rvs()",
    "sympy": "import sympy\nsympy.randprime(1, 10**9)",
    "secrets": "import secrets\nsecrets.randbelow(10**9)",
    "uuid": "import uuid\nuuid.uuid4().hex",
    "urandom": "import os\nos.urandom(8)",
    "set_of_strings": "list({chr(n) * 3 for n in range(97, 120)})",
    "set_of_numbers": "from fractions import Fraction\nlist({Fraction(1, n) for n in range(1, 20)} | {1.5, 2, -1})",
    "set_of_symbols": "import sympy\nlist(sympy.symbols('a:z'))",
}


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[tuple[ProcessSandbox, ProcessSandbox]]:
    """One has imported numpy and sympy before its sessions begin, the other has not."""
    made = ProcessSandbox(), ProcessSandbox()
    yield made
    for sandbox in made:
        asyncio.run(sandbox.close())


@pytest.mark.parametrize("name", GENERATORS)
def test_every_session_draws_the_same(sandboxes: tuple[ProcessSandbox, ProcessSandbox], name: str) -> None:
    results = [run_cell_in(sandbox, GENERATORS[name]) for sandbox in (*sandboxes, sandboxes[0])]
    assert {result.status for result in results} == {ExecutionStatus.OK}
    assert len({result.stdout for result in results}) == 1


def test_draws_of_one_session_differ(sandboxes: tuple[ProcessSandbox, ProcessSandbox]) -> None:
    code = "import random, os\n"
    code += "len({random.Random().random(), random.Random().random(), os.urandom(8), os.urandom(8)})"
    assert run_cell_in(sandboxes[0], code).stdout == "4\n"


def test_a_seed_still_counts(sandboxes: tuple[ProcessSandbox, ProcessSandbox]) -> None:
    code = "import random\nrandom.seed(7)\n(random.random(), random.Random(7).random(), random.Random('7').random())"
    assert run_cell_in(sandboxes[0], code).stdout == "(0.32383276483316237, 0.32383276483316237, 0.7124376338974682)\n"


def test_draws_repeat_after_a_roll_back(sandboxes: tuple[ProcessSandbox, ProcessSandbox]) -> None:
    draw = "(random.random(), random.Random().random(), os.urandom(4))"
    die = f"{draw}\nos._exit(0)"
    _, first, _, again = run_cells(sandboxes[0], "import os, random", draw, die, draw)
    _, other, undisturbed = run_cells(sandboxes[0], "import os, random", draw, draw)
    assert (first.stdout, again.stdout) == (other.stdout, undisturbed.stdout)
