"""Canary: a known question that is asked before a run, so that a broken engine is seen before its first answer.

Engines that start and then write nothing, noise or one token forever have cost whole contests: a draft model that
does not fit, a cache format, a kernel. Guarantees: never raises and never takes longer than its limit; every verdict
says what was found and shows the text. Not guaranteed: that a passing engine solves anything. Whether the answer is
right does not count.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from typing import Final

from aimo_solver.config.settings import Hardware, Preset
from aimo_solver.dialects.dialect import Dialect
from aimo_solver.dialects.prompt import Prompt, encode_prompt
from aimo_solver.engine.base import Completion, Engine, FinishReason, Sampling
from aimo_solver.errors import EngineError
from aimo_solver.utils.log import Log

QUESTION: Final = "Find the sum of all primes less than $110$ that leave remainder $3$ when divided by $8$."
STREAMS: Final = 4
"""Answers at once, each with its own seed: a batch, as in a run; one odd answer is not a broken engine."""
MAX_TOKENS: Final = 128
LIMIT_SECONDS: Final = 90.0
STALL_SHARE: Final = 0.75
"""Share of a machine's stall_seconds that the question may take."""
MIN_TOKENS_PER_SECOND: Final = 8.0
"""All streams together, after the first token. At this rate four rollouts of 4,000 tokens take half an hour."""
MIN_TOKENS_FOR_RATE: Final = 32
MAX_UNRATED_SECONDS: Final = 4.0
"""Fewer tokens than those, in less time than this, have no rate: some models answer in a word."""
MIN_MEAN_LOGPROB: Final = -3.0
"""Nats per token. Models write at -0.1 to -1; random weights at minus the logarithm of the vocabulary, -7 to -12."""
MIN_WORDS: Final = 8
"""With fewer words than these their share says nothing."""
MIN_VALID_SHARE: Final = 0.2
"""Share of words that are known: half and more in a text about the question, a few per cent in random tokens."""
MAX_BROKEN_SHARE: Final = 0.05
"""Share of characters that could not be decoded (U+FFFD)."""
MAX_RUN_TOKENS: Final = 24
"""Repetitions of one token in a row."""
MIN_DISTINCT_SHARE: Final = 0.1
MIN_TOKENS_FOR_LOOP: Final = 48
_SAMPLE_CHARS: Final = 60
_WORD: Final = re.compile(r"[^\W\d_]+")
_MARKER: Final = re.compile(r"<[|/]?[\w|]+>")
_COMMON_WORDS: Final = frozenset(
    """
    the of and to in is that for it as with on by this be are from or at an we have has so if not can let all there
    which one two three four five will but find also each any first number numbers then than need into these since
    only may such answer sum prime primes modulo mod remainder remainders divisible divide divided divides less when
    leave leaves equal equals value values integer integers problem question solution step steps given compute
    calculate list total set check condition satisfy form range between up add more just next now get here where using
    use do does they their them its our you would should could must know what how many no yes okay ok wait want like
    think other same some most case cases both after before per greater smaller below above write code python import
    print def return while else result output count math sympy isprime primerange true false none int str text boxed
    frac pmod equiv begin end append percent analysis final assistant user
    """.split()
)
"""English and Python words that texts about such a question use."""
_COMMON_CHINESE: Final = frozenset("的是在有我们一个数为这不了和等于除以余所因质小求素且即可得")


class Fault(StrEnum):
    """What is wrong with an engine, the worst last."""

    SLOW = "slow"
    GARBLED = "garbled"
    EMPTY = "empty"
    WEDGED = "wedged"
    """No token came."""
    DIED = "died"
    """It died, or refused the question."""

    @property
    def severity(self) -> int:
        """A higher number is worse."""
        return list(Fault).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the canary found."""

    fault: Fault | None = None
    """None means that it passed."""
    reason: str = ""
    tokens: int = 0
    """Tokens of all answers together."""
    tokens_per_second: float = math.nan
    """All answers together, after the first token; NaN for too few tokens."""
    sample: str = ""
    """The beginning of the answer that decided, or of the first."""

    @property
    def passed(self) -> bool:
        return self.fault is None

    @property
    def description(self) -> str:
        """One line."""
        rate = "" if math.isnan(self.tokens_per_second) else f" at {self.tokens_per_second:,.0f} tokens/s"
        if self.fault is None:
            return f"canary passed: {self.tokens:,} tokens{rate}"
        shown = f": {self.sample!r}" if self.sample else ""
        return f"canary failed, {self.fault}: {self.reason}{shown}"


@dataclass(slots=True)
class _Answer:
    """One stream."""

    token_ids: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    text: str = ""
    first_at: float | None = None
    """Loop time of the first piece."""
    first_tokens: int = 0
    last_at: float = 0.0

    def add(self, piece: Completion, now: float) -> None:
        if self.first_at is None and piece.token_ids:
            self.first_at, self.first_tokens = now, len(piece.token_ids)
        self.last_at = now
        ended_itself = piece.finish_reason is FinishReason.STOP and piece.stop is None
        self.token_ids += piece.token_ids[:-1] if ended_itself else piece.token_ids  # Without the end-of-turn token.
        self.logprobs += [token.logprob for token in piece.logprobs or ()]
        self.text += piece.text


AskEngine = Callable[..., Awaitable[Verdict]]
"""`ask_canary`, or another function with its parameters."""


def asking(
    preset: Preset, ask: AskEngine, log: Log, *, dialect: Dialect, prompt: Prompt
) -> Callable[[Engine, Hardware], Awaitable[Verdict]]:
    """Returns a function that asks an engine as the preset's rollouts do, and logs the verdict."""
    rollout = preset.rollout
    sampling = Sampling(
        max_tokens=rollout.max_tokens,
        temperature=rollout.temperature,
        top_p=rollout.top_p,
        top_k=rollout.top_k,
        min_p=rollout.min_p,
    )

    async def ask_and_log(engine: Engine, hardware: Hardware) -> Verdict:
        token_ids = encode_prompt(dialect, QUESTION, engine.tokenizer, prompt=prompt, prefill=rollout.prefill)
        # Ends before the supervisor takes a wedged engine for a dead one and restarts it.
        limit_seconds = min(LIMIT_SECONDS, STALL_SHARE * hardware.stall_seconds)
        verdict = await ask(engine, token_ids, sampling, limit_seconds=limit_seconds)
        log(verdict.description if verdict.passed else f"warning: {verdict.description}")
        return verdict

    return ask_and_log


async def ask_canary(
    engine: Engine,
    prompt_token_ids: Sequence[int],
    sampling: Sampling | None = None,
    *,
    limit_seconds: float = LIMIT_SECONDS,
    min_tokens_per_second: float = MIN_TOKENS_PER_SECOND,
) -> Verdict:
    """Asks the engine and returns the verdict; cancels what has not ended within the limit.

    `prompt_token_ids`: the QUESTION, as the run's dialect asks it. `sampling`: as the run draws; greedy if not given.
    """
    drawn = replace(sampling or Sampling(max_tokens=1), max_tokens=MAX_TOKENS, logprobs=1)
    answers = [_Answer() for _ in range(STREAMS)]
    tasks = [
        asyncio.create_task(_ask(engine, prompt_token_ids, replace(drawn, seed=seed), answer))
        for seed, answer in enumerate(answers)
    ]
    try:
        done, running = await asyncio.wait(tasks, timeout=limit_seconds, return_when=asyncio.FIRST_EXCEPTION)
        ended_at = asyncio.get_running_loop().time() if running else max(answer.last_at for answer in answers)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    found = Verdict(tokens=sum(len(answer.token_ids) for answer in answers), sample=_sample(answers[0].text))
    failed = [error for task in done if (error := task.exception()) is not None]
    if failed:
        return replace(found, fault=Fault.DIED, reason=_failure(failed[0]))
    if running and not any(answer.token_ids for answer in answers):
        return replace(found, fault=Fault.WEDGED, reason=f"no token within {limit_seconds:g} s")
    return _judge(answers, found, ended_at, min_tokens_per_second)


def _failure(error: BaseException) -> str:
    # vLLM raises errors of many kinds for a request that it refuses.
    return str(error) if isinstance(error, EngineError) else f"it refuses the question ({error!r:.200})"


async def _ask(engine: Engine, prompt_token_ids: Sequence[int], sampling: Sampling, answer: _Answer) -> None:
    loop = asyncio.get_running_loop()
    async with aclosing(engine.generate(prompt_token_ids, sampling)) as stream:
        async for piece in stream:
            answer.add(piece, loop.time())


def _judge(answers: Sequence[_Answer], found: Verdict, ended_at: float, min_tokens_per_second: float) -> Verdict:
    """Judges the texts, then the rate."""
    faults = [(fault, answer) for answer in answers if (fault := text_fault(answer.token_ids, answer.text))]
    faults = faults or [(fault, answer) for answer in answers if (fault := _unsure(answer))]
    if len(faults) * 2 > len(answers):
        (fault, reason), answer = faults[0]
        counted = f"{len(faults)} of {len(answers)} answers, {reason}"
        return replace(found, fault=fault, reason=counted, sample=_sample(answer.text))
    rate = _rate(answers, ended_at)
    if rate < min_tokens_per_second:
        reason = f"{rate:.1f} tokens/s, fewer than {min_tokens_per_second:g}"
        return replace(found, fault=Fault.SLOW, reason=reason, tokens_per_second=rate)
    return replace(found, tokens_per_second=rate)


def text_fault(token_ids: Sequence[int], text: str) -> tuple[Fault, str] | None:
    """Returns what is wrong with an answer, and its figures; None for a text that may be one."""
    longest = max((sum(1 for _ in run) for _, run in groupby(token_ids)), default=0)
    if longest > MAX_RUN_TOKENS:
        return Fault.GARBLED, f"one token {longest} times in a row"
    distinct = len(Counter(token_ids))
    if len(token_ids) >= MIN_TOKENS_FOR_LOOP and distinct < MIN_DISTINCT_SHARE * len(token_ids):
        return Fault.GARBLED, f"{distinct} different tokens among {len(token_ids)}"
    broken = text.count("\ufffd")
    if broken > MAX_BROKEN_SHARE * len(text):
        return Fault.GARBLED, f"{broken} of {len(text)} characters are broken"
    written = _MARKER.sub(" ", text)
    if not any(char.isalnum() for char in written):
        return Fault.EMPTY, "no letter and no digit"
    words = [word.casefold() for word in _WORD.findall(written) if len(word) > 1]
    valid = sum(_is_valid(word) for word in words)
    if len(words) >= MIN_WORDS and valid < MIN_VALID_SHARE * len(words):
        return Fault.GARBLED, f"{valid} of {len(words)} words are known"
    return None


def _is_valid(word: str) -> bool:
    return word in _COMMON_WORDS or (not word.isascii() and len(_COMMON_CHINESE.intersection(word)) * 5 >= len(word))


def _unsure(answer: _Answer) -> tuple[Fault, str] | None:
    """Returns a fault if the model gives its own tokens next to no probability, as random weights do."""
    values = answer.logprobs
    mean = sum(values) / len(values) if values else 0.0
    if math.isnan(mean) or mean < MIN_MEAN_LOGPROB:
        return Fault.GARBLED, f"its tokens have a mean log-probability of {mean:.1f}"
    return None


def _rate(answers: Sequence[_Answer], ended_at: float) -> float:
    """Returns tokens/s of all streams together, after each one's first piece; NaN for too few to say."""
    started = [answer for answer in answers if answer.first_at is not None]
    tokens = sum(len(answer.token_ids) - answer.first_tokens for answer in started)
    seconds = ended_at - min((answer.first_at or 0.0 for answer in started), default=ended_at)
    if tokens < MIN_TOKENS_FOR_RATE and seconds < MAX_UNRATED_SECONDS:
        return math.nan
    return tokens / seconds if seconds > 0 else math.inf


def _sample(text: str) -> str:
    return text if len(text) <= _SAMPLE_CHARS else text[:_SAMPLE_CHARS] + "..."
