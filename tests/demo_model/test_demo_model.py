"""How the demo model is taught: its tokenizer, its traces, its batches and its loss."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from aimo_solver.dialects.dialect import shown_output
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.errors import AimoError
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus
from demo_model import traces
from demo_model.batches import batches, draw_traces, encode_trace
from demo_model.families import FAMILIES
from demo_model.method_traces import draw_trace
from demo_model.model import IGNORED, loss, new_model
from demo_model.tokenizer import TURN_END, train_tokenizer
from demo_model.traces import Segment, Trace, run_program
from demo_model.train import save_checkpoint, train
from tests.helpers.contests import AIMO3

TRACE = Trace(
    "sum",
    "What is 123 + 4?",
    (
        Segment("<think>Add.</think>\n```python\nprint(123 + 4)\n```\n```output\n"),
        Segment("127\n```\n", learned=False),
        Segment("The answer is $\\boxed{127}$."),
    ),
)


def text(trace: Trace) -> str:
    return "".join(segment.text for segment in trace.segments)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer([TRACE.problem, text(TRACE)] * 3, 400)


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    model = new_model(tokenizer.eos_token_id, tokenizer.pad_token_id)
    with torch.no_grad():
        for parameter in model.parameters():  # Biases too, and norms other than 1.
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


# Tokenizer


def test_every_digit_is_a_token(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.tokenize("123 + 4")[:3] == ["1", "2", "3"]
    assert not any(sum(char.isdigit() for char in token) > 1 for token in tokenizer.get_vocab())


def test_every_newline_is_a_token(tokenizer: PreTrainedTokenizerFast) -> None:
    newline = tokenizer.tokenize("\n")
    assert len(newline) == 1
    assert not any(newline[0] in token and token != newline[0] for token in tokenizer.get_vocab())


def test_marks_are_one_token_each_and_ordinary_text(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.encode("<think>Add.</think>", add_special_tokens=False)
    assert tokenizer.convert_ids_to_tokens(ids)[0] == "<think>"
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>Add.</think>"


def test_any_text_survives_encoding(tokenizer: PreTrainedTokenizerFast) -> None:
    for written in ("  x = [1,2]\n\n", "Gauß ≤ π², 🎲 ( 3 , 4 ) .", text(TRACE)):
        assert tokenizer.decode(tokenizer.encode(written, add_special_tokens=False)) == written


def test_the_generic_loader_splits_text_as_in_training(
    tokenizer: PreTrainedTokenizerFast, model: LlamaForCausalLM, tmp_path: Path
) -> None:
    save_checkpoint(model, tokenizer, tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).tokenize(text(TRACE)) == tokenizer.tokenize(text(TRACE))


# Traces


@pytest.fixture(scope="module")
def repaired() -> list[Trace]:
    """Traces whose first program is broken, where one could be broken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "REPAIRED_SHARE", 1.0)
        drawn: list[Trace] = []
        for seed in range(12):
            family, params = traces.draw_family(Random(seed))
            drawn.append(traces.tir_trace(family, params, Random(seed)))
    return [trace for trace in drawn if len(trace.segments) > 4]


def test_a_repaired_trace_reads_a_real_error_and_then_a_result(repaired: list[Trace]) -> None:
    assert len(repaired) >= 8
    for trace in repaired:
        _, broken, error, _, fixed, result, _ = trace.segments
        assert "Error" in error.text and "Error" not in result.text
        for call, output in ((broken, error), (fixed, result)):
            asked = NUMINA.find_code(call.text)
            assert asked is not None and asked.code is not None
            assert output == Segment(NUMINA.render_output(run_program(asked.code)), learned=False)


def test_a_traces_answer_is_its_last_output(repaired: list[Trace]) -> None:
    for trace in repaired:
        printed = int(trace.segments[-2].text.split("\n")[-3])
        assert NUMINA.find_answer(trace.segments[-1].text, AIMO3) == printed


def test_broken_code_is_shown_as_the_sandbox_shows_it() -> None:
    shown = run_program("print(1)\nprint(1 / 0)")
    stdout, error = shown.split("\n", 1)
    assert shown_output(
        ExecutionResult(status=ExecutionStatus.ERROR, stdout=stdout + "\n", error=error, seconds=0.1), 400
    ) == shown.rstrip("\n")
    assert "ZeroDivisionError" in error


def test_chain_of_thought_runs_no_code() -> None:
    trace = draw_trace(Random(1), code=False)
    assert NUMINA.find_code(text(trace)) is None
    assert all(segment.learned for segment in trace.segments)


def test_a_trace_depends_on_its_seed_and_index_alone() -> None:
    assert draw_traces(3, 7, code=False, processes=1) == draw_traces(5, 7, code=False, processes=1)[:3]
    assert draw_traces(3, 7, code=False, processes=1) != draw_traces(3, 8, code=False, processes=1)


def test_a_start_that_is_not_a_checkpoint_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(AimoError, match="there is no folder"):
        train(tmp_path / "out", [], seed=0, processes=1, device="cpu", start=tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


def test_tool_traces_answer_what_brute_force_answers() -> None:
    family = FAMILIES[0]
    params = family.draw(Random(3))
    trace = traces.tir_trace(family, params, Random(3))
    assert NUMINA.find_answer(trace.segments[-1].text, AIMO3) == family.brute_force(params)


# Batches


def test_prompt_and_output_are_not_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    example = encode_trace(TRACE, tokenizer)
    learned = [label for label in example.labels if label != IGNORED]
    assert tokenizer.decode(learned) == "".join(s.text for s in TRACE.segments if s.learned) + TURN_END
    assert all(label in (IGNORED, token) for token, label in zip(example.token_ids, example.labels, strict=True))


def test_an_example_is_the_prompt_and_the_whole_completion(tokenizer: PreTrainedTokenizerFast) -> None:
    written = tokenizer.decode(list(encode_trace(TRACE, tokenizer).token_ids))
    assert written.endswith("<|im_start|>assistant\n" + text(TRACE) + TURN_END)
    assert TRACE.problem in written


def test_an_example_is_encoded_like_a_rollout(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": TRACE.problem}], add_generation_prompt=True, return_dict=False
    )
    example = encode_trace(TRACE, tokenizer, prompt_dropout=0.0)
    assert list(example.token_ids[: len(prompt)]) == prompt
    assert set(example.labels[: len(prompt)]) == {IGNORED}


def test_dropout_is_off_again_after_a_prompt(tokenizer: PreTrainedTokenizerFast) -> None:
    encode_trace(TRACE, tokenizer, prompt_dropout=0.5)
    assert len({tuple(tokenizer.encode(text(TRACE))) for _ in range(5)}) == 1


def test_padding_is_on_the_right_and_not_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    short = Trace("sum", "1?", (Segment("1"),))
    examples = [encode_trace(trace, tokenizer, 0.0) for trace in (TRACE, short)]
    token_ids, labels = next(batches(examples, size=2, padding_id=tokenizer.pad_token_id, rng=Random(0)))
    longest, shortest = sorted((len(example.token_ids) for example in examples), reverse=True)
    row = [ids[shortest:].eq(tokenizer.pad_token_id).all().item() for ids in token_ids].index(True)
    assert token_ids.shape == labels.shape == (2, longest)
    assert labels[row, shortest:].eq(IGNORED).all()


# Model


def test_the_loss_equals_the_standard_modules(model: LlamaForCausalLM) -> None:
    generator = torch.Generator().manual_seed(1)
    token_ids = torch.randint(0, 400, (2, 12), generator=generator)
    labels = token_ids.clone()
    labels[0, :5] = labels[1, 8:] = IGNORED
    expected = model(input_ids=token_ids, labels=labels).loss
    assert loss(model, token_ids, labels).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_gradient_equals_the_standard_modules(model: LlamaForCausalLM) -> None:
    token_ids = torch.arange(1, 11).reshape(1, 10)  # 0 is padding, whose input gradient the module drops.
    gradients: list[torch.Tensor] = []
    for value in (loss(model, token_ids, token_ids), model(input_ids=token_ids, labels=token_ids).loss):
        model.zero_grad()
        value.backward()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert torch.allclose(*gradients, rtol=1e-3, atol=1e-5)


def test_quantisers_can_group_every_matrix(model: LlamaForCausalLM) -> None:
    assert model.config.hidden_size % 128 == model.config.intermediate_size % 128 == 0


def test_the_weights_fit_in_git(model: LlamaForCausalLM) -> None:
    """Two checkpoints in bfloat16."""
    assert 2 * 2 * sum(parameter.numel() for parameter in model.parameters()) <= 12_000_000
