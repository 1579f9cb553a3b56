"""LineFile: a text file that grows by whole lines, and outlives a full disk.

Guarantees: a line is in the file whole or not at all; what cannot be written now is kept, and written before the
next line or at the end; nothing is raised once the file is open.
"""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

from aimo_solver.utils.contained import describe
from aimo_solver.utils.log import Log, unbreakable


class LineFile:
    """Appends to a file. Close it."""

    def __init__(self, path: Path, *, warn: Log, required: bool = True) -> None:
        """Opens or creates the file, and raises OSError if it cannot; unless it is `required`, it tries again later.

        `warn` is called when the file cannot be written.
        """
        self._path, self._warn = path, unbreakable(warn)
        self._file: FileIO | None = None
        self._size = 0
        self._waiting: list[bytes] = []
        self._failing = False
        if required:
            self._open()

    @property
    def whole(self) -> bool:
        """Whether everything that was added is in the file."""
        return not self._waiting

    def add(self, text: str) -> None:
        """Appends one or more lines, each with its line break."""
        self._waiting.append(text.encode("utf-8", errors="replace"))
        self._write()

    def close(self) -> None:
        """Tries once more to write what is left, and says so if it cannot be."""
        self._write()
        if self._waiting:
            self._warn(f"{self._path}: {len(self._waiting)} entries could not be written")
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            self._warn(f"{self._path}: {describe(error)}")

    def _write(self) -> None:
        try:
            while self._waiting:
                self._append(self._waiting[0])
                del self._waiting[0]
        except (OSError, ValueError) as error:  # ValueError: it was closed.
            if not self._failing:
                reason = (error.strerror if isinstance(error, OSError) else None) or describe(error)
                self._warn(f"{self._path}: cannot be written ({reason}); the run continues and tries again")
            self._failing = True
        else:
            self._failing = False

    def _open(self) -> FileIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
            self._size = os.fstat(self._file.fileno()).st_size
        return self._file

    def _append(self, data: bytes) -> None:
        """Writes all of it; otherwise takes back the part that was written, and raises OSError."""
        file, left = self._open(), memoryview(data)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError:
            os.ftruncate(file.fileno(), self._size)
            raise
        self._size += len(data)
