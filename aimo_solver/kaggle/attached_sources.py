"""Attached sources: what Kaggle really attached to a pushed version, which is asked for, not believed.

The server drops sources that it does not know, and the `kaggle` command does not print dropped models.
The kernel's metadata is pulled back with the same command and compared with what was sent.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from aimo_solver.errors import InputError
from aimo_solver.kaggle.kernel_metadata import FILE, KernelMetadata

KaggleCommand = Callable[[Sequence[str]], str]
"""Runs `kaggle` with these arguments and returns what it prints."""
ASK_SECONDS: Final = 5.0
MAX_ASKS: Final = 3
"""A pull may fail, or still show the version before: this many must agree that something is missing."""


def check_attached(
    sent: KernelMetadata, *, version: int, url: str, kaggle: KaggleCommand, sleep: Callable[[float], None]
) -> None:
    """Raises InputError if a source that was sent is not attached, or if Kaggle does not say what is."""
    failure = ""
    for ask in range(MAX_ASKS):
        if ask:
            sleep(ASK_SECONDS)
        try:
            missing = missing_sources(sent.sources, pull_metadata(sent.id, kaggle))
        except InputError as error:
            failure = f"version {version} is pushed, but Kaggle does not say what is attached to it ({error})"
            continue
        if not missing:
            return
        failure = (
            f"Kaggle dropped what it does not know: {', '.join(missing)} is not attached to version {version}; "
            "correct its name and version, or make it readable for your account, and push again"
        )
    raise InputError(f"{failure}; see {url}")


def pull_metadata(id: str, kaggle: KaggleCommand) -> Mapping[str, Any]:
    """Returns the metadata of the kernel's latest version, as Kaggle has it. Raises InputError."""
    with tempfile.TemporaryDirectory(prefix="aimo-pull-") as folder:
        printed = kaggle(["kernels", "pull", id, "-p", folder, "-m"])  # By version, the command gets a 403.
        try:
            values: Any = json.loads(Path(folder, FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"kaggle kernels pull: {printed.strip()[-200:] or error}") from error
    if not isinstance(values, dict):
        raise InputError(f"kaggle kernels pull: {FILE} must be a JSON object, got {type(values).__name__}")
    return cast("dict[str, Any]", values)


def missing_sources(sent: Mapping[str, Sequence[str]], pulled: Mapping[str, Any]) -> list[str]:
    """Returns each source that was sent and is not attached, with its kind."""
    return [
        f"{source} ({kind})"
        for kind, sources in sent.items()
        for source in sources
        if not any(_is_same(source, str(one)) for one in cast("list[object]", pulled.get(kind) or []))
    ]


def _is_same(sent: str, attached: str) -> bool:
    """Whether both name one source. Kaggle writes some parts its own way, and may leave out or add a version."""
    one, other = _parts(sent), _parts(attached)
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter] and abs(len(one) - len(other)) <= 1


def _parts(source: str) -> list[str]:
    return source.lower().replace("_", "-").split("/")
