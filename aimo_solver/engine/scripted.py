"""A fake engine that follows a script. It is no language model; it is for tests and examples.

Guarantees what aimo_solver/engine/base.py asks for, on any event loop: time passes only in the loop's
own timers, so on a virtual clock it takes none. Deterministic: what a request gets depends on its
prompt and sampling alone, if `reply` does. It also dies and wedges when told to, as real engines
do: all its requests at once.
Not modelled: requests that slow each other down, memory, a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from aimo_solver.engine.base import Completion, FinishReason, Sampling, TokenLogprob
from aimo_solver.engine.stop_strings import find_stop
from aimo_solver.engine.text_stream import TextStream
from aimo_solver.errors import EngineError, EngineLoadError

END_OF_TURN = "<|end|>"
_LOSSLESS = "surrogateescape"


class ByteTokenizer:
    """One token a byte (its value), then END_OF_TURN (256), then the tokens given (257 on)."""

    end_of_turn_id = 256

    def __init__(self, tokens: Sequence[str] = ()) -> None:
        texts = [END_OF_TURN, *tokens]
        self._bytes = [bytes([value]) for value in range(256)] + [text.encode() for text in texts]
        # Longest first: the longest token that fits is taken.
        self._long_ids = sorted(range(256, len(self._bytes)), key=lambda i: (-len(self._bytes[i]), i))

    @property
    def vocabulary_size(self) -> int:
        """Ids run from 0 to one below this."""
        return len(self._bytes)

    def encode(self, text: str) -> list[int]:
        """Token ids of the text; END_OF_TURN and the tokens given are recognised in it."""
        data, place, token_ids = text.encode(errors=_LOSSLESS), 0, list[int]()
        while place < len(data):
            long_ids = (i for i in self._long_ids if data.startswith(self._bytes[i], place))
            token_ids.append(next(long_ids, data[place]))
            place += len(self._bytes[token_ids[-1]])
        return token_ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of the ids; broken characters become U+FFFD."""
        return b"".join(self._bytes[token_id] for token_id in token_ids).decode(errors="replace")

    def decode_losslessly(self, token_ids: Sequence[int]) -> str:
        """As `decode`, but a broken character's bytes become lone surrogates, which `encode` takes back."""
        return b"".join(self._bytes[token_id] for token_id in token_ids).decode(errors=_LOSSLESS)

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """`role: content`, END_OF_TURN and a line break for each message, then `assistant: `."""
        turns = [f"{message['role']}: {message['content']}{END_OF_TURN}\n" for message in messages]
        return self.encode("".join(turns) + "assistant: ")


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request gets, and how fast."""

    text: str = ""
    token_ids: tuple[int, ...] | None = None
    """Instead of `text`, for completions that no text encodes to."""
    tokens_per_chunk: int = 8
    seconds_per_chunk: float = 0.1
    dies_after_tokens: int | None = None
    """The whole engine dies when this request has given so many tokens and is to give more."""
    hangs_after_tokens: int | None = None
    """The whole engine stands still from then on, until it is stopped."""


ReplyFunction = Callable[[str, Sampling], Reply]
"""From the prompt's text (decode_losslessly) and the sampling to the reply."""


def replies_by_prompt(replies: Mapping[str, Reply]) -> ReplyFunction:
    """A reply function: `replies` from a prompt's text to its reply.

    A prompt that already holds a first part of its reply gets the rest, as a model would give it.
    """

    def reply(prompt_text: str, sampling: Sampling) -> Reply:
        for prompt, scripted in replies.items():
            # In bytes, as the prompt may end inside a character.
            begun, whole = prompt_text.removeprefix(prompt).encode(errors=_LOSSLESS), scripted.text.encode()
            if prompt_text.startswith(prompt) and whole.startswith(begun):
                return replace(scripted, text=whole.removeprefix(begun).decode(errors=_LOSSLESS))
        raise KeyError(f"no reply is scripted for the prompt {prompt_text!r}")

    return reply


class ScriptedEngine:
    """ManagedEngine whose completions are scripted; a reply that is not cut ends with END_OF_TURN."""

    def __init__(
        self,
        reply: ReplyFunction,
        *,
        tokenizer: ByteTokenizer | None = None,
        context_tokens: int = 4096,
        start_seconds: float = 0.0,
        load_error: EngineLoadError | None = None,
    ) -> None:
        self._reply = reply
        self._tokenizer = tokenizer or ByteTokenizer()
        self._context_tokens = context_tokens
        self._start_seconds = start_seconds
        self._load_error = load_error
        self._runs = self._hangs = False
        self._broken = asyncio.Event()
        self._reason = ""
        self.active_requests: dict[int, Sampling] = {}
        """Requests neither finished, nor closed, nor cancelled, by their number."""
        self.requests = 0
        """How many requests began."""

    @property
    def tokenizer(self) -> ByteTokenizer:
        """The tokenizer given, or a plain ByteTokenizer."""
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """Prompt and completion together hold at most this many tokens."""
        return self._context_tokens

    @property
    def down_seconds(self) -> float:
        """Always 0: whoever wants a dead engine back supervises it."""
        return 0.0

    async def start(self) -> None:
        """Takes `start_seconds`. Raises `load_error` when the script says so."""
        await asyncio.sleep(self._start_seconds)
        if self._load_error is not None:
            raise self._load_error
        self._runs, self._hangs, self._broken = True, False, asyncio.Event()

    async def stop(self) -> None:
        """Requests in flight raise EngineError."""
        self.die("it was stopped")

    def die(self, reason: str) -> None:
        """From now on every request raises EngineError, until the engine is started again."""
        self._runs, self._reason = False, reason
        self._broken.set()

    def hang(self) -> None:
        """From now on no request gets a token, until the engine is stopped."""
        self._hangs = True

    async def generate(self, prompt_token_ids: Sequence[int], sampling: Sampling) -> AsyncGenerator[Completion, None]:
        """Streams the scripted completion."""
        number = self.requests
        self.requests += 1
        self.active_requests[number] = sampling
        try:
            await self._pass(0.0)
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
        planned, given = self._plan(reply, sampling, room_tokens), list[int]()
        while True:
            await self._pass(reply.seconds_per_chunk)
            await self._misfortune(reply, len(given))
            new_ids = planned[len(given) : _chunk_end(reply, len(given))]
            match = find_stop(decode, given, new_ids, sampling.stop)
            if match is not None:
                new_ids = new_ids[: match.kept_tokens]
            reason = None
            if match is not None or new_ids[-1] in (ByteTokenizer.end_of_turn_id, *sampling.stop_token_ids):
                reason = FinishReason.STOP
            elif len(given) + len(new_ids) == room_tokens:
                reason = FinishReason.LENGTH
            given += new_ids
            stop = match.stop if match is not None else None
            yield _piece(new_ids, text.push(new_ids, final=reason is not None), reason, stop, sampling)
            if reason is not None:
                return

    def _plan(self, reply: Reply, sampling: Sampling, room_tokens: int) -> tuple[int, ...]:
        """The reply up to its first stop token, or what there is room for."""
        token_ids = reply.token_ids
        if token_ids is None:
            token_ids = tuple(self._tokenizer.encode(reply.text))
        ends = {ByteTokenizer.end_of_turn_id, *sampling.stop_token_ids}
        planned = (*token_ids, ByteTokenizer.end_of_turn_id)
        first_end = next(place for place, token_id in enumerate(planned) if token_id in ends)
        return planned[: min(first_end + 1, room_tokens)]

    async def _misfortune(self, reply: Reply, given_tokens: int) -> None:
        """Dies or hangs when the script says that now is the time."""
        if given_tokens == reply.dies_after_tokens:
            self.die("the script says so")
        if given_tokens == reply.hangs_after_tokens:
            self.hang()
        if given_tokens in (reply.dies_after_tokens, reply.hangs_after_tokens):
            await self._pass(0.0)

    async def _pass(self, seconds: float) -> None:
        """Lets time pass. Raises EngineError when the engine does not run, or dies meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._broken.wait()
        except TimeoutError:
            if self._hangs:
                await self._broken.wait()
        if not self._runs:
            raise EngineError(f"the scripted engine does not run: {self._reason or 'it was not started'}")


def _chunk_end(reply: Reply, given_tokens: int) -> int:
    """Where the next chunk ends: no further than the next misfortune."""
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
