"""The process preference model: steps, the tree they form, pairs, the loss, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

from aimo_solver.dialects.numina import NUMINA
from aimo_solver.dialects.prompt import Prompt
from aimo_solver.engine.checkpoint import check_one_label, check_same_vocabulary
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import EngineLoadError, InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.rollouts.trajectory import StopReason, Trajectory, Turn
from aimo_solver.runs.reader import LoggedRun
from aimo_solver.utils.paths import DEMO_MODEL
from demo_model.demo_set import demo_rows
from demo_model.draw_steps import draw_problems, draw_run, nodes_of_run
from demo_model.model import scores
from demo_model.step_nodes import (
    StepChild,
    StepNode,
    WrittenStep,
    merge_rollouts,
    read_step_nodes,
    split_steps,
    step_lines,
)
from demo_model.step_pairs import StepComparison, batches, comparisons, pad
from demo_model.train_ppm import TrainingPlan, learn, save_ppm, try_out

CODE = "```python\nprint(2)\n```\n```output\n"


def trajectory(*turns: Turn) -> Trajectory:
    return Trajectory(
        problem_id="p",
        run=0,
        rollout=0,
        seed=1,
        prompt_tokens=10,
        turns=turns,
        answer=2,
        stop_reason=StopReason.ANSWERED,
        ended_itself=True,
        started_seconds=0.0,
        seconds=1.0,
    )


def turn(text: str, output: str | None = None, *, flush: bool = False) -> Turn:
    return Turn(text, 5, 0.1, code=None if output is None else "print(2)", output=output, flush=flush)


def node(*values: float, prefix: str = "") -> StepNode:
    return StepNode("1 + 1?", prefix, tuple(StepChild(f"step {i}", 1, value) for i, value in enumerate(values)))


@pytest.fixture(scope="module")
def tokenizer() -> HfTokenizer:
    return HfTokenizer(DEMO_MODEL)


@pytest.fixture
def model() -> LlamaForSequenceClassification:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, pad_token_id=0
    )
    config.num_labels = 1
    return LlamaForSequenceClassification(config)


# Steps


def test_steps_end_at_empty_lines_and_at_tool_calls() -> None:
    steps = split_steps(trajectory(turn(f"Think.\n\n{CODE}", "2"), turn("So 2.\n\nThe answer is 2.")), NUMINA)
    assert steps == [
        WrittenStep("Think.\n\n"),
        WrittenStep(CODE, "2\n```\n"),
        WrittenStep("So 2.\n\n"),
        WrittenStep("The answer is 2."),
    ]


def test_joined_steps_are_the_text_that_the_model_read() -> None:
    steps = split_steps(trajectory(turn(f"A\n\n\n\nB\n\n{CODE}", "2"), turn("C\n\n")), NUMINA)
    assert "".join(step.text + step.shown for step in steps) == f"A\n\n\n\nB\n\n{CODE}2\n```\nC\n\n"


def test_a_forced_answer_is_not_a_step() -> None:
    assert split_steps(trajectory(turn("Think"), turn("2}", flush=True)), NUMINA) == [WrittenStep("Think")]


def test_rollouts_with_the_same_beginning_share_nodes() -> None:
    first, nodes = WrittenStep("a", "(2)"), {}
    *merged, _ = merge_rollouts(
        "1 + 1?", [([first, WrittenStep("b")], True), ([first, WrittenStep("c")], False), ([], False)]
    )
    for found in merged:
        nodes[found.prefix] = found.children
    assert nodes == {"": (StepChild("a", 2, 0.0),), "a(2)": (StepChild("b", 1, 1.0), StepChild("c", 1, -1.0))}


def test_whole_solutions_form_a_node_of_their_own() -> None:
    rollouts = [
        ([WrittenStep("a", "(2)"), WrittenStep("b")], True),
        ([WrittenStep("c")], False),
        ([WrittenStep("c")], False),
    ]
    assert merge_rollouts("1 + 1?", rollouts, "<think>\n")[-1] == StepNode(
        "1 + 1?", "", (StepChild("a(2)b", 1, 1.0), StepChild("c", 1, -1.0)), "<think>\n"
    )
    assert len(merge_rollouts("1 + 1?", rollouts[:1])) == 2, "all right: nothing to tell apart"


@pytest.mark.parametrize("prefill", ["", "<think>\n"])
def test_a_runs_nodes_record_its_prefill(tmp_path: Path, prefill: str) -> None:
    settings = {"preset": {"rollout": {"prefill": prefill}}}
    run = LoggedRun(
        path=tmp_path,
        settings=settings,
        problems=(Problem("p", "1 + 1?", 2),),
        trajectories=(trajectory(turn("It is 2.")),),
        solutions=(),
    )
    assert list(nodes_of_run(run)) == [StepNode("1 + 1?", "", (StepChild("It is 2.", 1, 1.0),), prefill)]


def test_nodes_survive_a_file(tmp_path: Path) -> None:
    path = tmp_path / "steps.jsonl"
    path.write_text(step_lines([node(1.0, -0.25), node(prefix="a\n\n")]))
    assert read_step_nodes(path) == [node(1.0, -0.25), node(prefix="a\n\n")]


@pytest.mark.parametrize("child", [{"text": "a", "visits": 1}, {"text": "a", "visits": 1, "value": 3.0}, 5])
def test_an_invalid_line_is_refused_with_its_number(tmp_path: Path, child: object) -> None:
    path = tmp_path / "steps.jsonl"
    path.write_text(step_lines([node(1.0)]) + json.dumps({"problem": "p", "prefix": "", "children": [child]}))
    with pytest.raises(InputError, match="line 2: not a valid step node"):
        read_step_nodes(path)


def test_drawn_problems_are_not_in_the_demo_set() -> None:
    drawn = draw_problems(200, seed=3)
    assert not {problem.text for problem in drawn} & {row["problem"] for row in demo_rows()}
    assert drawn[:50] == draw_problems(50, seed=3)


def test_bad_arguments_are_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="search must be a preset with a \\[search\\] table"):
        draw_run(problems=2, rollouts=2, seed=0, runs_folder=tmp_path, search="demo")
    with pytest.raises(InputError, match="problems must be at least 1, got 0"):
        draw_run(problems=0, rollouts=2, seed=0, runs_folder=tmp_path, search=None)
    assert not list(tmp_path.iterdir())


# Pairs


def test_pairs_differ_by_at_least_half() -> None:
    assert StepComparison(((1,), (2,), (3,)), (1.0, 0.6, 0.5)).pairs == [(0, 2)]


def test_texts_of_a_comparison_begin_with_prompt_and_prefix(tokenizer: HfTokenizer) -> None:
    (found,) = comparisons(
        [node(1.0, -1.0, prefix="So far.\n\n"), node(0.1, 0.0)], NUMINA, tokenizer, context_tokens=4096
    )
    path = [*NUMINA.encode_prompt("1 + 1?", Prompt(), tokenizer), *tokenizer.encode("So far.\n\n")]
    assert found.texts == tuple((*path, *tokenizer.encode(f"step {index}")) for index in (0, 1))


def test_the_prefill_stands_between_prompt_and_prefix(tokenizer: HfTokenizer) -> None:
    (found,) = comparisons([replace(node(1.0, -1.0), prefill="<think>\n")], NUMINA, tokenizer, context_tokens=4096)
    start = [*NUMINA.encode_prompt("1 + 1?", Prompt(), tokenizer), *tokenizer.encode("<think>\n")]
    assert found.texts[0] == (*start, *tokenizer.encode("step 0"))


def test_a_text_longer_than_the_context_keeps_its_tail(tokenizer: HfTokenizer) -> None:
    (found,) = comparisons([node(1.0, -1.0)], NUMINA, tokenizer, context_tokens=2)
    assert found.texts == tuple(tuple(tokenizer.encode(f"step {index}")[-2:]) for index in (0, 1))


def test_a_batch_holds_only_texts_of_drawn_pairs() -> None:
    found = [StepComparison(((1,), (2, 2), (3,)), (1.0, -1.0, 0.9)), StepComparison(((4,), (5,)), (-1.0, 1.0))]
    batch = next(batches(found, size=2, max_pairs=1, padding_id=0, rng=Random(0)))
    rows = [int(row[0]) for row in batch.token_ids]
    pairs = {(rows[better], rows[worse]) for better, worse in zip(batch.better, batch.worse, strict=True)}
    assert len(rows) == 4 and (5, 4) in pairs and pairs & {(1, 2), (3, 2)}


# The model


def test_scores_are_the_tanh_of_the_logits_from_transformers(model: LlamaForSequenceClassification) -> None:
    texts = [[5, 6, 7], [8, 9, 10, 11, 12]]
    with torch.inference_mode():
        expected = [model(torch.tensor([text])).logits.item() for text in texts]
        found = scores(model, *pad(texts, 0))
    assert torch.allclose(found, torch.tensor(expected).tanh(), atol=1e-5)


def test_the_loss_falls_and_the_better_steps_win(model: LlamaForSequenceClassification) -> None:
    rng = Random(0)
    found: list[StepComparison] = []
    for _ in range(12):  # A step with token 7 in it is the better one.
        start = [rng.randrange(10, 64) for _ in range(4)]
        found.append(StepComparison(((*start, 7, 9), (*start, 8, 9)), (1.0, -1.0)))
    losses = list(learn(model, found, plan=TrainingPlan(updates=40, nodes=6), padding_id=0, seed=0))
    trial = try_out(model, found, 0)
    assert losses[-1] < 0.6 * losses[0]
    assert trial.right_pairs == trial.pairs == 12 and trial.chosen_value == pytest.approx(1.0)


# What is refused


@pytest.fixture
def scorer(model: LlamaForSequenceClassification, tmp_path: Path) -> Path:
    save_ppm(model, DEMO_MODEL, tmp_path / "ppm")
    return tmp_path / "ppm"


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_saved_model_is_a_classifier_with_one_label_and_the_generators_vocabulary(scorer: Path) -> None:
    check_one_label(scorer)
    check_same_vocabulary(DEMO_MODEL, scorer)


def test_a_generating_model_is_refused_as_a_scorer() -> None:
    with pytest.raises(EngineLoadError, match=r"no sequence classifier \(LlamaForCausalLM\)"):
        check_one_label(DEMO_MODEL)


@pytest.mark.parametrize("labels", [{"id2label": {"0": "bad", "1": "fine", "2": "good"}}, {"id2label": None}])
def test_a_classifier_with_several_labels_is_refused_as_a_scorer(scorer: Path, labels: dict[str, object]) -> None:
    edit(scorer / "config.json", **labels)
    with pytest.raises(EngineLoadError, match=r"has [23] labels per text"):
        check_one_label(scorer)


def test_a_scorer_of_another_vocabulary_is_refused(scorer: Path) -> None:
    tokenizer = json.loads((scorer / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = list(vocabulary)[300:302]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (scorer / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match="differs in 2 tokens"):
        check_same_vocabulary(DEMO_MODEL, scorer)


def test_a_scorer_whose_added_tokens_differ_is_refused(scorer: Path) -> None:
    edit(scorer / "tokenizer.json", added_tokens=[{"content": "<step>", "id": 2048}])
    with pytest.raises(InputError, match="must have the vocabulary"):
        check_same_vocabulary(DEMO_MODEL, scorer)


def test_a_damaged_tokenizer_is_reported(scorer: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(scorer, tmp_path / "damaged"))
    (damaged / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineLoadError, match="has no vocabulary"):
        check_same_vocabulary(DEMO_MODEL, damaged)
