"""The canary on a scripted engine: what is sane passes, and each way of being broken has its name."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aimo_solver.app.canary import MAX_TOKENS, QUESTION, STREAMS, Fault, Verdict, ask_canary, text_fault
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import ByteTokenizer, Reply, ScriptedEngine
from aimo_solver.simulation.virtual_clock import run_virtual

FLUENT = (
    "Okay, so I need to find the sum of all primes less than 110 that leave remainder 3 when divided by 8. "
    "First, let me list the numbers below 110 that are congruent to 3 mod 8: 3, 11, 19, 27, 35, 43, 51."
)
CODE = "```python\nfrom sympy import primerange\nprint(sum(p for p in primerange(110) if p % 8 == 3))\n```\n"
CHINESE = "我们需要求出所有小于110且除以8余3的素数的和。首先列出这些数:3, 11, 19, 43, 59, 67, 83, 107。"
SOUP = (
    "rossover Kültür BufferedReader ziehungen strlen Patriots whisk laravel ochondrial Tottenham gerekli erotica "
    "UITableView biopsies Keynes aggressively ankles rvalue trois hashtags Bavarian"
)


def canary(reply: Reply, *, minimum: float = 8.0, start: bool = True) -> Verdict:
    """Asks a scripted engine whose answers are all this one."""

    async def ask() -> Verdict:
        engine = ScriptedEngine(lambda text, sampling: reply)
        if start:
            await engine.start()
        prompt = engine.tokenizer.encode_chat([{"role": "user", "content": QUESTION}])
        verdict = await ask_canary(engine, prompt, limit_seconds=60.0, min_tokens_per_second=minimum)
        assert not engine.active_requests
        return verdict

    return run_virtual(ask())


@pytest.mark.parametrize("text", [FLUENT, CODE, CHINESE, "392", "\\boxed{392}", "The answer is $392$."])
def test_a_sane_answer_passes(text: str) -> None:
    verdict = canary(Reply(text))
    assert verdict.passed
    assert verdict.description.startswith("canary passed: ")


@pytest.mark.parametrize(
    ("reply", "fault", "reason"),
    [
        (Reply(""), Fault.EMPTY, "4 of 4 answers, no letter and no digit"),
        (Reply(" \n <|channel|>"), Fault.EMPTY, "no letter and no digit"),
        (Reply("!" * 200), Fault.GARBLED, "one token 128 times in a row"),
        (Reply("ab ab ab " * 30), Fault.GARBLED, "3 different tokens among 128"),
        (Reply(SOUP), Fault.GARBLED, r"of \d+ words are known"),
        (Reply(token_ids=tuple(range(128, 240))), Fault.GARBLED, "characters are broken"),
        (Reply(FLUENT, tokens_per_chunk=1, seconds_per_chunk=1.0), Fault.SLOW, r"3\.9 tokens/s, fewer than 8"),
        (Reply(FLUENT, hangs_after_tokens=16), Fault.SLOW, r"0\.5 tokens/s, fewer than 8"),
        (Reply(FLUENT, hangs_after_tokens=0), Fault.WEDGED, "no token within 60 s"),
        (Reply(FLUENT, dies_after_tokens=8), Fault.DIED, "the script says so"),
    ],
)
def test_every_way_of_being_broken_is_named(reply: Reply, fault: Fault, reason: str) -> None:
    verdict = canary(reply)
    assert not verdict.passed
    assert verdict.description.startswith(f"canary failed, {fault}: ")
    assert re.search(reason, verdict.reason), verdict.reason


def test_an_engine_that_does_not_run_has_died() -> None:
    assert canary(Reply(FLUENT), start=False).fault is Fault.DIED


def test_a_request_that_is_refused_is_a_verdict_and_not_an_exception() -> None:
    def refuse(text: str, sampling: Sampling) -> Reply:
        raise ValueError("token id 99999 is out of vocabulary")

    async def ask() -> Verdict:
        engine = ScriptedEngine(refuse)
        await engine.start()
        return await ask_canary(engine, [1, 2, 3])

    verdict = run_virtual(ask())
    assert (verdict.fault, "refuses the question" in verdict.reason) == (Fault.DIED, True)


def test_one_odd_answer_is_not_a_broken_engine() -> None:
    async def ask() -> Verdict:
        engine = ScriptedEngine(lambda text, sampling: Reply("" if sampling.seed == 1 else FLUENT))
        await engine.start()
        return await ask_canary(engine, [1, 2, 3])

    assert run_virtual(ask()).passed


def test_the_canary_draws_as_the_run_does_with_a_seed_for_each_stream() -> None:
    seen: list[Sampling] = []

    def note(text: str, sampling: Sampling) -> Reply:
        seen.append(sampling)
        return Reply(FLUENT)

    async def ask() -> Verdict:
        engine = ScriptedEngine(note)
        await engine.start()
        return await ask_canary(engine, [1, 2, 3], Sampling(max_tokens=9999, temperature=0.7, min_p=0.02))

    run_virtual(ask())
    assert sorted(one.seed or 0 for one in seen) == list(range(STREAMS))
    shared = Sampling(max_tokens=MAX_TOKENS, temperature=0.7, min_p=0.02, logprobs=1)
    assert {replace(one, seed=None) for one in seen} == {shared}


def test_tokens_of_many_digits_are_no_loop() -> None:
    text = ", ".join(str(number * number) for number in range(3, 40))
    assert text_fault(ByteTokenizer().encode(text)[:47], text) is None


def test_severity_orders_what_is_worse() -> None:
    ordered = sorted(Fault, key=lambda fault: fault.severity)
    assert ordered[0] is Fault.SLOW
    assert ordered[-1] is Fault.DIED
