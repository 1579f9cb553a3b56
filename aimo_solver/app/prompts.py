"""Prompts of runs: what is true in a run, filled into its preset's texts before anything is loaded."""

from __future__ import annotations

from datetime import date

from aimo_solver.config.names import CodeMode
from aimo_solver.config.settings import Preset
from aimo_solver.dialects.dialect import Dialect, calls_code
from aimo_solver.dialects.prompt import Prompt, make_prompt
from aimo_solver.dialects.prompt_facts import PromptFacts
from aimo_solver.errors import SandboxError
from aimo_solver.problems.problem import AnswerRule
from aimo_solver.rollouts.code_tool import CodeTool
from aimo_solver.sandbox.libraries import available_libraries


def run_prompt(preset: Preset, dialect: Dialect, rule: AnswerRule) -> Prompt:
    """Returns the prompt of a run that begins today. Raises InputError for a placeholder that nothing fills."""
    return make_prompt(dialect, preset.prompt, prompt_facts(preset, dialect, rule))


def prompt_facts(preset: Preset, dialect: Dialect, rule: AnswerRule) -> PromptFacts:
    """Returns what is true in a run that begins today, by the settings and limits that its rollouts use."""
    rollout, tool = preset.rollout, CodeTool(dialect, preset.rollout)
    return PromptFacts(
        rule=rule,
        runs_code=rollout.code is CodeMode.ON and rollout.code_rounds > 0 and calls_code(dialect),
        timeout_seconds=tool.timeout_seconds,
        output_chars=tool.output_chars,
        code_rounds=rollout.code_rounds,
        memory_bytes=preset.sandbox_memory_bytes,
        libraries=_libraries(),
        date=date.today(),
    )


def _libraries() -> tuple[str, ...]:
    """Without a sandbox rollouts can still answer, so its failure is no fault of the prompt's."""
    try:
        return available_libraries()
    except SandboxError:
        return ()
