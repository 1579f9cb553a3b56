"""Prompt: what a model reads before it writes, and its token ids in a dialect.

Guarantees: a prompt's texts are filled once, from the facts of a run, before anything is loaded; a statement is put
into them as it is, whatever braces it holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimo_solver.config.names import Effort
from aimo_solver.config.prompt_settings import PROBLEM, PromptExample, PromptSettings, fill
from aimo_solver.config.settings import checked
from aimo_solver.dialects.dialect import open_thought
from aimo_solver.dialects.prompt_facts import PromptFacts
from aimo_solver.engine.base import Tokenizer
from aimo_solver.errors import EngineLoadError, InputError

if TYPE_CHECKING:
    from aimo_solver.dialects.dialect import Dialect

_TAIL_TOKENS = 16
"""Tokens at the end of a prompt in which thinking may have been opened."""
_TURN_MARK = re.compile(r"<[|｜]|\[/|_of_turn>")
"""What stands between turns in chat templates."""
_PROBLEM_MARK = "\0"
"""Stands for the statement while a text is filled: a character that no text needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTexts:
    """A dialect's own texts, with placeholders."""

    system: str = ""
    """Empty means no system message."""
    tool: str = ""
    """The description of the Python tool; empty where the dialect declares none."""
    user: str = "{problem}"
    effort: Effort | None = None
    """How long the model reasons; None where the dialect cannot say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The filled texts. By default the bare statement."""

    system: str = ""
    tool: str = ""
    """The description of the Python tool; empty where no code runs."""
    before_problem: str = ""
    after_problem: str = ""
    effort: Effort | None = None
    examples: tuple[PromptExample, ...] = ()
    date: str = ""
    """The day on which the run began, for dialects that state it."""

    def user(self, problem: str) -> str:
        """Returns the user's message for a statement."""
        return f"{self.before_problem}{problem}{self.after_problem}"

    def messages(self, problem: str) -> list[dict[str, str]]:
        """Returns the examples and the problem as messages, without the system's."""
        found: list[dict[str, str]] = []
        for example in self.examples:
            found.append({"role": "user", "content": self.user(example.problem)})
            found.append({"role": "assistant", "content": example.solution})
        return [*found, {"role": "user", "content": self.user(problem)}]


def recorded_prompt(settings: Mapping[str, Any], source: object) -> Prompt | None:
    """Returns the prompt that a run folder's settings hold; None for a run of a version that kept none."""
    return checked(Prompt, settings["prompt"], source) if "prompt" in settings else None


def make_prompt(dialect: Dialect, settings: PromptSettings, facts: PromptFacts) -> Prompt:
    """Returns the settings' texts, or the dialect's own, filled from the facts.

    Raises InputError for a placeholder that these facts do not fill, and for an effort that the dialect cannot say.
    """
    own = dialect.prompt_texts(runs_code=facts.runs_code)
    if settings.effort is not None and own.effort is None:
        raise InputError(f"[prompt] effort has no meaning for dialect {dialect.name}; leave it out")
    values = {**facts.values, PROBLEM: _PROBLEM_MARK}
    tool = own.tool if settings.tool is None else settings.tool
    user = _filled("user", own.user if settings.user is None else settings.user, values, facts)
    before, _, after = user.partition(_PROBLEM_MARK)
    return Prompt(
        system=_filled("system", own.system if settings.system is None else settings.system, values, facts),
        tool=_filled("tool", tool, values, facts) if facts.runs_code else "",
        before_problem=before,
        after_problem=after,
        effort=settings.effort or own.effort,
        examples=settings.examples,
        date=values["date"],
    )


def _filled(name: str, template: str, values: Mapping[str, str], facts: PromptFacts) -> str:
    try:
        return fill(template, values)
    except KeyError as error:
        missing = str(error.args[0])
        if missing in ("minimum", "maximum", "modulus"):
            why, cure = f"{facts.rule.name} has no {missing}", "name another contest, or write {answers} instead"
        else:
            why, cure = "no code runs here", "leave it out, or let code run"
        raise InputError(f"[prompt] {name} has {{{missing}}}, but {why}; {cure}") from None


def encode_prompt(
    dialect: Dialect, problem: str, tokenizer: Tokenizer, *, prompt: Prompt, prefill: str = ""
) -> list[int]:
    """Returns the token ids of the whole prompt. Raises InputError if the tokenizer cannot express the dialect."""
    return prefilled_prompt(dialect.encode_prompt(problem, prompt, tokenizer), prefill, tokenizer)


def encode_messages(tokenizer: Tokenizer, system: str, messages: Sequence[dict[str, str]]) -> list[int]:
    """Returns the token ids of the checkpoint's chat template.

    Where the template has no system messages, because it refuses or drops them, the system's text stands in front of
    the first user's.
    """
    if not system:
        return tokenizer.encode_chat(messages)
    try:
        token_ids = tokenizer.encode_chat([{"role": "system", "content": system}, *messages])
    except EngineLoadError:
        token_ids = []  # A fault that has nothing to do with the system's message is raised below.
    if system.strip() in tokenizer.decode(token_ids):
        return token_ids
    first = {"role": "user", "content": f"{system}\n\n{messages[0]['content']}"}
    return tokenizer.encode_chat([first, *messages[1:]])


def prefilled_prompt(token_ids: list[int], prefill: str, tokenizer: Tokenizer) -> list[int]:
    """Returns the prompt with the model's first words, unless its template has written them already."""
    opening = tokenizer.encode(prefill) if prefill else []
    # A template may leave out the line break after the words.
    tail = tokenizer.decode(token_ids[-len(opening) - 1 :])
    return token_ids if not prefill or tail.rstrip().endswith(prefill.rstrip()) else token_ids + opening


def reopened_thought(shown: str, opened: str) -> str:
    """Returns the thinking that a rendered output has opened again; "" if it has not."""
    return opened if shown.endswith(opened) else ""


def opened_thought(token_ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """Returns the thinking that the end of a prompt has opened, which a flush must close; "" if it has not."""
    opened = open_thought(tokenizer.decode(token_ids[-_TAIL_TOKENS:]))
    return "" if _TURN_MARK.search(opened) else opened  # Words of the problem, in a turn that is over.
