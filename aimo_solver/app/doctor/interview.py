"""The interview: a process of its own asks vLLM and the tokenizer about a checkpoint and settings.

Guarantees: it ends within its limit; a crash, a hang or an answer that cannot be read is one sentence. Run as a
program, this file is that process: it reads a question from its input and writes a JSON object per answer.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from aimo_solver.app.dialects import load_dialect
from aimo_solver.app.fit import known_context, require_prompt_fits, tokenizer_notes, trial_prompt
from aimo_solver.app.prompts import run_prompt
from aimo_solver.config.settings import Hardware, checked, load_preset
from aimo_solver.dialects.detection import AUTO, detect_dialect
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.engine.vllm.configuration import Configuration, read_configuration
from aimo_solver.engine.vllm.settings import VllmSettings
from aimo_solver.errors import AimoError
from aimo_solver.problems.problem import AnswerRule

ANSWER_SECONDS: Final = 180.0
"""A cold import of vLLM on a slow disk takes most of a minute."""
TRIAL_RULE: Final = AnswerRule("trial", minimum=0, maximum=999, modulus=1000)
"""Fills every placeholder, as only the tokenizer is asked."""
PROGRAM: Final = (sys.executable, "-m", "aimo_solver.app.doctor.interview")
_MAX_CHARS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked."""

    model: Path
    hardware: Hardware
    preset: str
    dialect: str | None = None
    """Another dialect than the preset's."""
    here: bool
    """Whether the settings are for this machine's cards."""
    asks_engine: bool = True
    """Whether vLLM is asked too, not only the tokenizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerAnswer:
    """What the tokenizer and the preset's dialect make of each other."""

    fault: str = ""
    dialect: str = ""
    reason: str = ""
    """Why that dialect was taken; empty where it was named."""
    notes: tuple[str, ...] = ()
    """What the tokenizer's folder says wrongly."""
    tokens: int = 0
    """One more than the highest id that the tokenizer can make."""
    prompt_tokens: int = 0
    """One more than the highest id in a short problem's whole prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was answered; None for what was not."""

    tokenizer: TokenizerAnswer | None = None
    configuration: Configuration | None = None
    failure: str = ""
    """Why the process did not answer everything."""


@dataclass(frozen=True, slots=True)
class _Exit:
    returncode: int | None
    """None: it was ended at the limit."""
    stdout: str = field(default="")
    stderr: str = field(default="")


def interview(question: Question, *, seconds: float = ANSWER_SECONDS, program: Sequence[str] = PROGRAM) -> Answers:
    """Asks in another process, and returns what it answered before it ended or was ended."""
    asked = json.dumps(asdict(question), default=str)
    ended = _run(program, asked, seconds)
    answers: dict[str, Any] = {}
    for line in ended.stdout.splitlines():
        try:
            answers |= json.loads(line)
        except (ValueError, TypeError):
            continue  # Something printed past our own stream.
    tokenizer = answers.get("tokenizer")
    configuration = answers.get("configuration")
    return Answers(
        tokenizer=None if tokenizer is None else _tokenizer_answer(tokenizer),
        configuration=None if configuration is None else _configuration(configuration),
        failure=str(answers.get("failure", "")) or _failure(ended, seconds),
    )


def _tokenizer_answer(fields: Mapping[str, Any]) -> TokenizerAnswer:
    read: dict[str, Any] = dict(fields)
    read["notes"] = tuple(read["notes"])  # JSON has lists only.
    return TokenizerAnswer(**read)


def _configuration(fields: Mapping[str, Any]) -> Configuration:
    read: dict[str, Any] = dict(fields)
    for name in ("refusals", "activation_dtypes"):  # JSON has lists only.
        read[name] = tuple(read[name])
    return Configuration(**read)


def _run(program: Sequence[str], asked: str, seconds: float) -> _Exit:
    """Runs the program in a session of its own, so that its own children end with it."""
    with subprocess.Popen(
        list(program),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(asked, timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            return _Exit(None, stdout, stderr)
        return _Exit(process.returncode, stdout, stderr)


def _failure(ended: _Exit, seconds: float) -> str:
    if ended.returncode == 0:
        return ""
    if ended.returncode is None:
        return f"no answer within {seconds:g} s; end what else keeps this machine busy and ask again"
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    last = f": {lines[-1][:_MAX_CHARS]}" if lines else ""
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        return f"the process that asked was ended by {name}{last}; the engine would end in the same way"
    return f"the process that asked failed with exit code {ended.returncode}{last}; install the requirements again"


def ask_tokenizer(model: Path, preset_name: str, hardware: Hardware, dialect: str | None = None) -> TokenizerAnswer:
    """Reads the tokenizer and writes the preset's prompt with it, in the dialect that a run would take."""
    preset, reason = load_preset(preset_name), ""
    name = (dialect or preset.dialect).casefold()
    try:
        if name == AUTO:
            found = detect_dialect(model, thorough=True)
            name, reason = found.dialect, found.description
        spoken, tokenizer = load_dialect(name, model), HfTokenizer(model)
        prompt = trial_prompt(preset, run_prompt(preset, spoken, TRIAL_RULE), spoken, tokenizer)
        require_prompt_fits(prompt, known_context(model, hardware))
    except AimoError as error:
        return TokenizerAnswer(fault=str(error), dialect=name, reason=reason)
    return TokenizerAnswer(
        dialect=name,
        reason=reason,
        notes=tuple(tokenizer_notes(tokenizer, spoken)),
        tokens=tokenizer.size,
        prompt_tokens=max(prompt) + 1,
    )


def _answer(asked: Mapping[str, Any], write: Any) -> None:
    model = Path(asked["model"])
    hardware = checked(Hardware, asked["hardware"], "hardware")
    write({"tokenizer": asdict(ask_tokenizer(model, asked["preset"], hardware, asked["dialect"]))})
    if not asked["asks_engine"]:
        return
    settings = VllmSettings(
        model=model,
        dtype=hardware.dtype,
        tensor_parallel_size=hardware.tensor_parallel,
        max_model_len=hardware.max_model_len,
        max_num_seqs=hardware.max_num_seqs,
        gpu_memory_utilization=hardware.gpu_memory_utilization,
        kv_cache_dtype=hardware.kv_cache_dtype,
        enforce_eager=hardware.enforce_eager,
        cpu_kvcache_gib=hardware.cpu_kvcache_gib,
        speculative=hardware.speculative,
        environment=hardware.environment or {},
        engine_arguments=hardware.engine or {},
    )
    write({"configuration": asdict(read_configuration(settings, here=asked["here"]))})


def main() -> None:
    """Answers the question on standard input; what libraries print goes to standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def write(answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer), file=stream, flush=True)

    try:
        _answer(json.load(sys.stdin), write)
    except AimoError as error:
        write({"failure": str(error)})


if __name__ == "__main__":
    main()
