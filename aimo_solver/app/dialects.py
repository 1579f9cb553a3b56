"""Dialects of runs: by name, or the one that goes with the checkpoint."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from aimo_solver.config.settings import Preset
from aimo_solver.dialects import TEMPLATE, find_dialect
from aimo_solver.dialects.detection import AUTO, detect_dialect
from aimo_solver.dialects.dialect import TOOL_TEXT, Dialect
from aimo_solver.dialects.template import make_template_dialect, template_support
from aimo_solver.dialects.tool import python_tool
from aimo_solver.engine.chat_template import ChatTemplate
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.tool_calls import parser_names
from aimo_solver.engine.vllm.tool_parsers import VllmCallReader
from aimo_solver.errors import InputError


def with_dialect(preset: Preset, model: Path) -> tuple[Preset, str]:
    """Returns the preset with the checkpoint's dialect in place of `auto`, and why; "" where the preset names one."""
    if preset.dialect != AUTO:
        return preset, ""
    found = detect_dialect(model)
    return replace(preset, dialect=found.dialect), found.reason


def load_dialect(name: str, model: Path) -> Dialect:
    """Returns the dialect of that name; only `template` and `auto` look at the checkpoint.

    Raises InputError for a name that there is not, and for a checkpoint that the template dialect does not fit.
    """
    wanted = name.casefold()
    if wanted == AUTO:
        wanted = detect_dialect(model).dialect
    if wanted != TEMPLATE:
        return find_dialect(wanted)
    files = [path for ending in ("*.json", "*.jinja") for path in model.glob(ending)]
    return _template_dialect(model, max((path.stat().st_mtime_ns for path in files), default=0))


@lru_cache(maxsize=1)
def _template_dialect(model: Path, changed_ns: int) -> Dialect:
    """Is asked several times before a run begins, and a large tokenizer takes seconds to read."""
    tokenizer = HfTokenizer(model)
    template = ChatTemplate(tokenizer)
    support = template_support(template, parser_names())
    if support.parser is None:
        raise InputError(f"dialect template does not fit {model}: {support.reason}; name another dialect, such as cot")
    return make_template_dialect(template, VllmCallReader(support.parser, tokenizer, python_tool(TOOL_TEXT)))
