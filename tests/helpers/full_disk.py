"""A disk that is full: no file of this process can grow beyond a number of bytes, as the kernel enforces it."""

from __future__ import annotations

import resource
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def limited_file_size(max_bytes: int | None) -> Generator[None]:
    """Limits every file that is written meanwhile; a longer write is cut, and the next one raises OSError (EFBIG).

    None limits nothing.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft if max_bytes is None else max_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
