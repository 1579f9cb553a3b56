"""Text files and JSON lines: read, or refused in one sentence that names the cure; written whole or not at all."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aimo_solver.errors import InputError


def read_text(path: Path, wanted: str) -> str:
    """Returns the text of a UTF-8 file. `wanted` says what the file should be. Raises InputError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give {wanted}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; give {wanted}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def make_folder(path: Path) -> None:
    """Makes the folder, and those above it. Raises InputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be created: {error.strerror}; name another folder") from None


def require_replaceable(path: Path) -> None:
    """Raises InputError for what is no file that may be replaced: a folder, a device such as /dev/null, a pipe."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; name another file") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder; name a file")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is a device or a pipe; name a file")


def write_text(path: Path, text: str) -> None:
    """Replaces the whole file. Raises InputError, and then leaves the file as it was."""
    require_replaceable(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def whole_lines(text: str) -> str:
    """Returns the text without a last line that a kill cut short."""
    return text[: text.rfind("\n") + 1]


def json_line(row: Mapping[str, Any]) -> str:
    """Returns the row as one line of a JSON lines file."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def json_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yields each line's number and object; empty lines are left out. Raises InputError."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # ValueError: not JSON, or a number of over 4300 digits.
            raise InputError(f"{path}, line {number}: not JSON ({error}); expected one object per line") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: must be a JSON object, got {type(row).__name__}")
        yield number, row
