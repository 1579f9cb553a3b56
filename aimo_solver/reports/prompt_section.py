"""The prompt of a run, as its report shows it."""

from __future__ import annotations

from typing import Any

from aimo_solver.dialects.prompt import Prompt, recorded_prompt
from aimo_solver.runs.reader import LoggedRun

_PROBLEM = "(the problem)"


def prompt_facts(run: LoggedRun) -> dict[str, Any] | None:
    """Returns the prompt's texts by name, and how many tokens whole prompts had; None for a run that kept none."""
    prompt = recorded_prompt(run.settings, run.path)
    if prompt is None:
        return None
    tokens = [t.prompt_tokens for solution in run.solutions for t in solution.trajectories]
    return {
        "texts": _texts(prompt),
        "tokens": (min(tokens), max(tokens)) if tokens else None,
        "reason": run.settings.get("dialect_reason", ""),
    }


def _texts(prompt: Prompt) -> list[tuple[str, str]]:
    """Returns the texts that there are, in the order in which they are read."""
    found = [("system", prompt.system), ("tool", prompt.tool)]
    if prompt.effort is not None:
        found.append(("effort", prompt.effort.value))
    for example in prompt.examples:
        found.append(("example", f"{prompt.user(example.problem)}\n\n{example.solution}"))
    return [*((name, text) for name, text in found if text), ("user", prompt.user(_PROBLEM))]
