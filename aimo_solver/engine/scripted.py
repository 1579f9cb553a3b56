"""A fake engine that follows a script, for tests and examples. It is not a language model.

Guarantees what aimo_solver/engine/base.py demands, on any event loop: time passes only in the loop's
own timers, so on a virtual clock it costs none. Deterministic: a completion depends only on its
prompt and sampling, if `reply` does. It also dies and hangs on request, as real engines do: with all
its requests at once.
Not modelled: requests that slow each other down, memory, a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace

from aimo_solver.engine.base import Completion, FinishReason, Sampling, TokenLogprob
from aimo_solver.engine.stop_strings import find_stop
from aimo_solver.engine.text_stream import TextStream
from aimo_solver.errors import EngineError

END_OF_TURN = "<|end|>"
_LOSSLESS = "surrogateescape"


class ByteTokenizer:
    """One token per byte (id = its value), then END_OF_TURN (256), then the given tokens (257 and up)."""

    end_of_turn_id = 256

    def __init__(self, tokens: Sequence[str] = ()) -> None:
        texts = [END_OF_TURN, *tokens]
        self._bytes = [bytes([value]) for value in range(256)] + [text.encode() for text in texts]
        # Longest first, as encoding takes the longest token that fits.
        self._long_ids = sorted(range(256, len(self._bytes)), key=lambda i: (-len(self._bytes[i]), i))

    @property
    def has_chat_template(self) -> bool:
        """Always True."""
        return True

    @property
    def vocabulary_size(self) -> int:
        """Ids run from 0 to one less than this."""
        return len(self._bytes)

    def encode(self, text: str) -> list[int]:
        """Returns the text's token ids; recognises END_OF_TURN and the given tokens."""
        data, place, token_ids = text.encode(errors=_LOSSLESS), 0, list[int]()
        while place < len(data):
            long_ids = (i for i in self._long_ids if data.startswith(self._bytes[i], place))
            token_ids.append(next(long_ids, data[place]))
            place += len(self._bytes[token_ids[-1]])
        return token_ids

    def encode_start(self, text: str) -> list[int]:
        """Returns the text's token ids, as this tokenizer has no start token."""
        return self.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of the ids; broken characters become U+FFFD."""
        return b"".join(self._bytes[token_id] for token_id in token_ids).decode(errors="replace")

    def decode_losslessly(self, token_ids: Sequence[int]) -> str:
        """Decodes with a broken character's bytes as lone surrogates, which `encode` turns back into bytes."""
        return b"".join(self._bytes[token_id] for token_id in token_ids).decode(errors=_LOSSLESS)

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Encodes `role: content`, END_OF_TURN and a line break per message, then `assistant: `."""
        turns = [f"{message['role']}: {message['content']}{END_OF_TURN}\n" for message in messages]
        return self.encode("".join(turns) + "assistant: ")


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request gets, and how fast."""

    text: str = ""
    _: KW_ONLY
    token_ids: tuple[int, ...] | None = None
    """Given instead of `text`, for completions that no text encodes to."""
    tokens_per_chunk: int = 8
    seconds_per_chunk: float = 0.1
    dies_after_tokens: int | None = None
    """The whole engine dies when this request has this many tokens and would get more."""
    hangs_after_tokens: int | None = None
    """The whole engine hangs when this request has this many tokens, until it is stopped."""


ReplyFunction = Callable[[str, Sampling], Reply]
"""Maps the prompt's text (by decode_losslessly) and the sampling to the reply."""


def replies_by_prompt(replies: Mapping[str, Reply]) -> ReplyFunction:
    """Returns a reply function that looks up the prompt's text in `replies`.

    A prompt that already contains the beginning of its reply gets the rest, as from a model.
    """

    def reply(prompt_text: str, sampling: Sampling) -> Reply:
        for prompt, scripted in replies.items():
            # Compared as bytes, as the prompt may end inside a character.
            begun, whole = prompt_text.removeprefix(prompt).encode(errors=_LOSSLESS), scripted.text.encode()
            if prompt_text.startswith(prompt) and whole.startswith(begun):
                return replace(scripted, text=whole.removeprefix(begun).decode(errors=_LOSSLESS))
        raise KeyError(f"no reply is scripted for the prompt {prompt_text!r}")

    return reply


class ScriptedEngine:
    """ManagedEngine with scripted completions; a reply that is not cut off ends with END_OF_TURN."""

    def __init__(
        self,
        reply: ReplyFunction,
        *,
        tokenizer: ByteTokenizer | None = None,
        context_tokens: int = 4096,
        start_seconds: float = 0.0,
        load_error: BaseException | None = None,
        stop_error: BaseException | None = None,
    ) -> None:
        self._reply = reply
        self._tokenizer = tokenizer or ByteTokenizer()
        self._context_tokens = context_tokens
        self._start_seconds = start_seconds
        self._load_error, self._stop_error = load_error, stop_error
        self._runs = self._hangs = False
        self._broken = asyncio.Event()
        self._reason = ""
        self.active_requests: dict[int, Sampling] = {}
        """The sampling of each request that is neither finished, closed nor cancelled, by its number."""
        self.requests = 0
        """How many requests have begun."""

    @property
    def tokenizer(self) -> ByteTokenizer:
        """The given tokenizer, or a plain ByteTokenizer."""
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """The most tokens that prompt and completion together may have."""
        return self._context_tokens

    @property
    def down_seconds(self) -> float:
        """Always 0, as this engine does not restart itself; see SupervisedEngine."""
        return 0.0

    async def start(self) -> None:
        """Takes `start_seconds`. Raises `load_error` if one is scripted."""
        await asyncio.sleep(self._start_seconds)
        if self._load_error is not None:
            raise self._load_error
        self._runs, self._hangs, self._broken = True, False, asyncio.Event()

    async def stop(self) -> None:
        """Ends the engine; requests in flight raise EngineError. Raises `stop_error` if one is scripted."""
        self.die("it was stopped")
        if self._stop_error is not None:
            raise self._stop_error

    def die(self, reason: str) -> None:
        """Makes every request raise EngineError until the engine is started again."""
        self._runs, self._reason = False, reason
        self._broken.set()

    def hang(self) -> None:
        """Stops all requests from getting tokens until the engine is stopped."""
        self._hangs = True

    async def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        """Streams the scripted completion."""
        number = self.requests
        self.requests += 1
        self.active_requests[number] = sampling
        try:
            await self._wait(0.0)
            async for piece in self._pieces(prompt_token_ids, sampling):
                yield piece
        finally:
            del self.active_requests[number]

    async def _pieces(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        room_tokens = min(sampling.max_tokens, self._context_tokens - len(prompt_token_ids))
        if room_tokens < 1:
            yield Completion((), "", FinishReason.LENGTH)
            return
        decode, text = self._tokenizer.decode, TextStream(self._tokenizer.decode)
        reply = self._reply(self._tokenizer.decode_losslessly(prompt_token_ids), sampling)
        planned, given_ids = self._plan(reply, sampling, room_tokens), list[int]()
        while True:
            await self._wait(reply.seconds_per_chunk)
            await self._fail_if_scripted(reply, len(given_ids))
            new_ids = planned[len(given_ids) : _chunk_end(reply, len(given_ids))]
            match = find_stop(decode, kept_ids=given_ids, new_ids=new_ids, stop=sampling.stop)
            if match is not None:
                new_ids = new_ids[: match.kept_tokens]
            reason = None
            if match is not None or new_ids[-1] in (ByteTokenizer.end_of_turn_id, *sampling.stop_token_ids):
                reason = FinishReason.STOP
            elif len(given_ids) + len(new_ids) == room_tokens:
                reason = FinishReason.LENGTH
            given_ids += new_ids
            stop = match.stop if match is not None else None
            yield _piece(new_ids, text.push(new_ids, final=reason is not None), reason, stop, sampling)
            if reason is not None:
                return

    def _plan(self, reply: Reply, sampling: Sampling, room_tokens: int) -> tuple[int, ...]:
        """Returns the reply's tokens up to its first stop token, or as many as there is room for."""
        token_ids = reply.token_ids
        if token_ids is None:
            token_ids = tuple(self._tokenizer.encode(reply.text))
        ends = {ByteTokenizer.end_of_turn_id, *sampling.stop_token_ids}
        planned = (*token_ids, ByteTokenizer.end_of_turn_id)
        first_end = next(place for place, token_id in enumerate(planned) if token_id in ends)
        return planned[: min(first_end + 1, room_tokens)]

    async def _fail_if_scripted(self, reply: Reply, given_tokens: int) -> None:
        """Dies or hangs if the script says so for this moment."""
        if given_tokens == reply.dies_after_tokens:
            self.die("the script says so")
        if given_tokens == reply.hangs_after_tokens:
            self.hang()
        if given_tokens in (reply.dies_after_tokens, reply.hangs_after_tokens):
            await self._wait(0.0)

    async def _wait(self, seconds: float) -> None:
        """Lets time pass. Raises EngineError if the engine does not run, or dies meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._broken.wait()
        except TimeoutError:
            if self._hangs:
                await self._broken.wait()
        if not self._runs:
            raise EngineError(f"the scripted engine does not run: {self._reason or 'it was not started'}")


def _chunk_end(reply: Reply, given_tokens: int) -> int:
    """Returns where the next chunk ends: at the next scripted failure at the latest."""
    ahead = [n for n in (reply.dies_after_tokens, reply.hangs_after_tokens) if n is not None and n > given_tokens]
    return min([given_tokens + reply.tokens_per_chunk, *ahead])


def _piece(
    token_ids: Sequence[int], text: str, reason: FinishReason | None, stop: str | None, sampling: Sampling
) -> Completion:
    logprobs = None
    if sampling.logprobs is not None:
        logprobs = tuple(
            TokenLogprob(token_id, -0.25, {(token_id + i) % 256: -0.25 - 2.0 * i for i in range(sampling.logprobs)})
            for token_id in token_ids
        )
    return Completion(tuple(token_ids), text, reason, stop, logprobs)
