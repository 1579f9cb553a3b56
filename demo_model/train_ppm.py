"""Trains the demo model's process preference model: `python -m demo_model.train_ppm steps.jsonl --out FOLDER`.

Takes the body of a generating checkpoint, puts a head with one output on it, and minimises
-log sigmoid(r_better - r_worse) over the children of each step node, where r is the tanh of the head's
logit (rStar-Math, arXiv 2501.04519). The steps come from demo_model.draw_steps or from a tree search.
Seeded: the same machine, steps and settings give the same weights.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

from aimo_solver.dialects.numina import NUMINA
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError
from aimo_solver.utils.exit import one_sentence_errors
from aimo_solver.utils.paths import DEMO_MODEL
from demo_model.model import scores
from demo_model.step_nodes import read_step_nodes
from demo_model.step_pairs import Batch, StepComparison, batches, comparisons, is_held_out, pad
from demo_model.tokenizer import CONTEXT_TOKENS

LOG_EVERY_UPDATES = 10
TRY_EVERY_UPDATES = 50
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long, on how much and how fast a preference model learns."""

    updates: int = 200
    nodes: int = 8
    """Per update."""
    max_pairs: int = 16
    """Per node and update."""
    peak_rate: float = 5e-4
    warmup_updates: int = 20

    def rate(self, update: int) -> float:
        """Returns the learning rate at this update: a linear warm-up, then a linear decay to 0."""
        return self.peak_rate * min((update + 1) / self.warmup_updates, (self.updates - update) / self.updates)


PLAN = TrainingPlan()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How well a model separates better steps from worse ones."""

    nodes: int
    pairs: int
    right_pairs: int
    mean_value: float
    """Mean value of the steps, in [-1, 1]: that of a random choice."""
    chosen_value: float
    """Mean value of the steps that the model scores highest."""

    def __str__(self) -> str:
        accuracy = f"{self.right_pairs / self.pairs:.3f} of {self.pairs} pairs right" if self.pairs else "no pairs"
        return (
            f"{accuracy}; {self.nodes} nodes, value {self.mean_value:+.2f} at random, {self.chosen_value:+.2f} chosen"
        )


def new_ppm(start: Path) -> LlamaForSequenceClassification:
    """Creates a float32 model from the checkpoint's body and an untrained head."""
    model = LlamaForSequenceClassification(LlamaConfig.from_pretrained(start, num_labels=1)).float()
    body = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32).model
    model.model.load_state_dict(body.state_dict())
    return model


def preference_loss(model: LlamaForSequenceClassification, batch: Batch) -> torch.Tensor:
    """Returns the mean of -log sigmoid(r_better - r_worse)."""
    values = scores(model, batch.token_ids, batch.last)
    return -F.logsigmoid(values[batch.better] - values[batch.worse]).mean()


def learn(
    model: LlamaForSequenceClassification,
    found: Sequence[StepComparison],
    *,
    plan: TrainingPlan,
    padding_id: int,
    seed: int,
) -> Iterator[float]:
    """Trains the model in place and yields the loss of each update."""
    source = batches(found, size=plan.nodes, max_pairs=plan.max_pairs, padding_id=padding_id, rng=Random(seed))
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.05)
    for update in range(plan.updates):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(update)
        model.train()
        with torch.autocast(model.device.type, torch.bfloat16):
            value = preference_loss(model, next(source))
        optimizer.zero_grad()
        value.backward()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        yield value.item()


def try_out(model: LlamaForSequenceClassification, found: Sequence[StepComparison], padding_id: int) -> Trial:
    """Scores every child of the comparisons. A pair with equal scores counts as wrong."""
    model.eval()
    pairs = right = 0
    mean_value = chosen_value = 0.0
    for comparison in found:
        with torch.inference_mode():
            values = [value.item() for value in scores(model, *pad(comparison.texts, padding_id))]
        pairs += len(comparison.pairs)
        right += sum(values[better] > values[worse] for better, worse in comparison.pairs)
        mean_value += sum(comparison.values) / len(comparison.values) / len(found)
        chosen_value += comparison.values[values.index(max(values))] / len(found)
    return Trial(nodes=len(found), pairs=pairs, right_pairs=right, mean_value=mean_value, chosen_value=chosen_value)


def save_ppm(model: LlamaForSequenceClassification, start: Path, folder: Path) -> None:
    """Saves standard Hugging Face files, in bfloat16, with the tokenizer of the checkpoint it started from."""
    copy = LlamaForSequenceClassification(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.bfloat16).save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copyfile(start / name, folder / name)


def train(steps: Sequence[Path], out: Path, *, start: Path, plan: TrainingPlan, seed: int) -> None:
    """Trains and saves a model, and prints its trial on held-out problems before and after. Raises InputError."""
    nodes = [node for path in steps for node in read_step_nodes(path)]
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    tokenizer, model = HfTokenizer(start), new_ppm(start)
    learnt, held_out = (
        comparisons(
            (n for n in nodes if is_held_out(n.problem) is kept), NUMINA, tokenizer, context_tokens=CONTEXT_TOKENS
        )
        for kept in (False, True)
    )
    if not learnt:
        raise InputError("no node has children that differ in value; draw more problems or rollouts")
    padding_id = int(model.config.pad_token_id or 0)
    print(f"{len(nodes)} nodes, of which {len(learnt)} to learn from", flush=True)
    print(f"before: {try_out(model, held_out, padding_id)}", flush=True)
    started, losses = time.monotonic(), list[float]()
    for value in learn(model, learnt, plan=plan, padding_id=padding_id, seed=seed):
        losses.append(value)
        if len(losses) % LOG_EVERY_UPDATES == 0:
            print(_progress(losses, plan, time.monotonic() - started), flush=True)
        if len(losses) % TRY_EVERY_UPDATES == 0:
            print(f"held out: {try_out(model, held_out, padding_id)}", flush=True)
    save_ppm(model, start, out)
    print(f"learnt from: {try_out(model, learnt, padding_id)}")
    print(f"held out: {try_out(model, held_out, padding_id)}")
    print(f"{out}: saved")


def _progress(losses: Sequence[float], plan: TrainingPlan, seconds: float) -> str:
    done, recent = len(losses), losses[-LOG_EVERY_UPDATES:]
    return f"update {done}/{plan.updates}  loss {sum(recent) / len(recent):.4f}  {seconds / done:.2f} s/update"


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m demo_model.train_ppm steps.jsonl --out demo_model/ppm"
    )
    parser.add_argument("steps", type=Path, nargs="+", help="files of step nodes, as JSON lines")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, default=DEMO_MODEL, help="checkpoint whose body to start from")
    parser.add_argument("--updates", type=int, default=PLAN.updates)
    parser.add_argument("--rate", type=float, default=PLAN.peak_rate, help="peak of the learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    plan = TrainingPlan(updates=arguments.updates, peak_rate=arguments.rate)
    with one_sentence_errors():
        train(arguments.steps, arguments.out, start=arguments.start, plan=plan, seed=arguments.seed)


if __name__ == "__main__":
    main()
