"""vLLM's log: directs it to a file, and finds in it why a load failed."""

from __future__ import annotations

import json
import re
from pathlib import Path

# "ValueError: ..." or "torch.OutOfMemoryError: ...", but not the lines inside a traceback.
_ERROR_LINE = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|NotSupported)\w*: (?P<text>.+)$")
# vLLM's parent processes report only that a child failed.
_WRAPPERS = ("initialization failed", "See stack trace", "EngineCore encountered an issue")
_MAX_CHARACTERS = 400


def logging_config(log_file: Path) -> str:
    """Returns JSON for VLLM_LOGGING_CONFIG_PATH that sends everything vLLM logs to the file."""
    return json.dumps(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"}},
            "handlers": {
                "file": {"class": "logging.FileHandler", "filename": str(log_file.absolute()), "formatter": "plain"}
            },
            "loggers": {"vllm": {"handlers": ["file"], "level": "INFO", "propagate": False}},
        }
    )


def failure_cause(error: BaseException, log_file: Path, start: int) -> str:
    """Returns the last error after byte `start` of the log that names a cause, or else the exception's."""
    logged = ""
    if log_file.exists():
        with log_file.open("rb") as file:
            file.seek(start)
            logged = file.read().decode(errors="replace")
    return _last_error(logged) or _last_error(f"{type(error).__name__}: {error}") or _first_line(error)


def _last_error(text: str) -> str | None:
    lines = text.splitlines()
    for index in range(len(lines) - 1, -1, -1):
        match = _ERROR_LINE.match(lines[index].strip())
        if match is None or any(wrapper in match["text"] for wrapper in _WRAPPERS):
            continue
        # pydantic writes the count of errors, the field, then the message followed by its input.
        if "validation error" in match["text"] and (detail := _pydantic_detail(lines[index + 1 :])):
            return _short(detail)
        return _short(match["text"])
    return None


def _pydantic_detail(lines: list[str]) -> str | None:
    for line in lines[:4]:
        if line.startswith("  ") and line.strip():
            return line.strip().removeprefix("Value error, ").partition(" [type=")[0]
    return None


def _first_line(error: BaseException) -> str:
    return _short(next(iter(str(error).splitlines()), "") or type(error).__name__)


def _short(text: str) -> str:
    text = text.strip().rstrip(".")
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "..."
