"""Text files: read or refused in one sentence, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from aimo_solver.errors import InputError


def read_text(path: Path, wanted: str) -> str:
    """The file's text, UTF-8. `wanted` says what it should be. Raises InputError."""
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
    """With those above it. Raises InputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made: {error.strerror}; name another folder") from None


def write_text(path: Path, text: str) -> None:
    """Puts a whole file in place of what was there. Raises InputError, and then leaves it as it was."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
