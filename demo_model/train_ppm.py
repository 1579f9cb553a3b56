"""Trains the demo model's process preference model: `python -m demo_model.train_ppm steps.jsonl --out FOLDER`.

The body goes on from a checkpoint that generates, with a head of one number in the place of its
next tokens, and learns -log sigmoid(r_better - r_worse) over the children of each step node, r being
the head's tanh (rStar-Math, arXiv 2501.04519). The steps come from demo_model.draw_steps or from a
tree search. Seeded: the same machine, steps and settings give the same weights.
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

from aimo_solver.app.kernel import run_or_exit
from aimo_solver.dialects.numina import NUMINA
from aimo_solver.engine.tokenizer import HfTokenizer
from aimo_solver.errors import InputError
from aimo_solver.utils.paths import DEMO_MODEL
from demo_model.model import scores
from demo_model.step_nodes import read_step_nodes
from demo_model.step_pairs import Batch, Comparison, batches, comparisons, is_held_out, pad
from demo_model.tokenizer import CONTEXT_TOKENS

LOG_EVERY_UPDATES = 10
TRY_EVERY_UPDATES = 50
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclass(frozen=True, slots=True)
class Course:
    """How a model learns."""

    updates: int = 200
    nodes: int = 8
    """An update."""
    most_pairs: int = 16
    """Of one node, in one update."""
    peak_rate: float = 5e-4
    warmup_updates: int = 20

    def rate(self, update: int) -> float:
        """The learning rate at this update: up, then evenly down to nothing."""
        return self.peak_rate * min((update + 1) / self.warmup_updates, (self.updates - update) / self.updates)


COURSE = Course()


@dataclass(frozen=True, slots=True)
class Trial:
    """How well a model tells better steps from worse."""

    nodes: int
    pairs: int
    right_pairs: int
    mean_value: float
    """Of a step taken at random, in [-1, 1]."""
    chosen_value: float
    """Of the step the model likes best."""

    def __str__(self) -> str:
        accuracy = f"{self.right_pairs / self.pairs:.3f} of {self.pairs} pairs right" if self.pairs else "no pairs"
        return (
            f"{accuracy}; {self.nodes} nodes, value {self.mean_value:+.2f} at random, {self.chosen_value:+.2f} chosen"
        )


def new_ppm(start: Path) -> LlamaForSequenceClassification:
    """The checkpoint's body under a head that has learnt nothing, float32."""
    model = LlamaForSequenceClassification(LlamaConfig.from_pretrained(start, num_labels=1)).float()
    body = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32).model
    model.model.load_state_dict(body.state_dict())
    return model


def preference_loss(model: LlamaForSequenceClassification, batch: Batch) -> torch.Tensor:
    """Mean of -log sigmoid(r_better - r_worse)."""
    said = scores(model, batch.token_ids, batch.last)
    return -F.logsigmoid(said[batch.better] - said[batch.worse]).mean()


def learn(
    model: LlamaForSequenceClassification, found: Sequence[Comparison], course: Course, padding_id: int, seed: int
) -> Iterator[float]:
    """Trains in place; each update's loss."""
    source = batches(found, course.nodes, course.most_pairs, padding_id, Random(seed))
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.05)
    for update in range(course.updates):
        for group in optimizer.param_groups:
            group["lr"] = course.rate(update)
        model.train()
        with torch.autocast(model.device.type, torch.bfloat16):
            value = preference_loss(model, next(source))
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield value.item()


def try_out(model: LlamaForSequenceClassification, found: Sequence[Comparison], padding_id: int) -> Trial:
    """Scores every child of the comparisons; equal scores are no preference."""
    model.eval()
    pairs = right = 0
    mean_value = chosen_value = 0.0
    for comparison in found:
        with torch.inference_mode():
            said = scores(model, *pad(comparison.texts, padding_id)).tolist()
        pairs += len(comparison.pairs)
        right += sum(said[better] > said[worse] for better, worse in comparison.pairs)
        mean_value += sum(comparison.values) / len(comparison.values) / len(found)
        chosen_value += comparison.values[said.index(max(said))] / len(found)
    return Trial(len(found), pairs, right, mean_value, chosen_value)


def save_ppm(model: LlamaForSequenceClassification, start: Path, folder: Path) -> None:
    """Standard Hugging Face files, bfloat16, with the tokenizer of the checkpoint it started from."""
    copy = LlamaForSequenceClassification(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.bfloat16).save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copyfile(start / name, folder / name)


def train(steps: Sequence[Path], out: Path, start: Path, course: Course, seed: int) -> None:
    """Trains, tells the trial on held-out problems before and after, and saves. Raises InputError."""
    nodes = [node for path in steps for node in read_step_nodes(path)]
    torch.manual_seed(seed)
    tokenizer, model = HfTokenizer(start), new_ppm(start)
    learnt, held_out = (
        comparisons((n for n in nodes if is_held_out(n.problem) is kept), NUMINA, tokenizer, CONTEXT_TOKENS)
        for kept in (False, True)
    )
    if not learnt:
        raise InputError("the steps hold no node whose children differ in value; draw more problems or rollouts")
    padding_id = int(model.config.pad_token_id or 0)
    print(f"{len(nodes)} nodes, of which {len(learnt)} to learn from", flush=True)
    print(f"before: {try_out(model, held_out, padding_id)}", flush=True)
    started, losses = time.monotonic(), list[float]()
    for value in learn(model, learnt, course, padding_id, seed):
        losses.append(value)
        if len(losses) % LOG_EVERY_UPDATES == 0:
            print(_progress(losses, course, time.monotonic() - started), flush=True)
        if len(losses) % TRY_EVERY_UPDATES == 0:
            print(f"held out: {try_out(model, held_out, padding_id)}", flush=True)
    save_ppm(model, start, out)
    print(f"learnt from: {try_out(model, learnt, padding_id)}")
    print(f"held out: {try_out(model, held_out, padding_id)}")
    print(f"{out}: saved")


def _progress(losses: Sequence[float], course: Course, seconds: float) -> str:
    done, recent = len(losses), losses[-LOG_EVERY_UPDATES:]
    return f"update {done}/{course.updates}  loss {sum(recent) / len(recent):.4f}  {seconds / done:.2f} s/update"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m demo_model.train_ppm steps.jsonl --out demo_model/ppm"
    )
    parser.add_argument("steps", type=Path, nargs="+", help="JSON lines of step nodes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, default=DEMO_MODEL, help="the checkpoint whose body it goes on from")
    parser.add_argument("--updates", type=int, default=COURSE.updates)
    parser.add_argument("--rate", type=float, default=COURSE.peak_rate, help="the learning rate's peak")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    course = Course(updates=arguments.updates, peak_rate=arguments.rate)
    run_or_exit(lambda: train(arguments.steps, arguments.out, arguments.start, course, arguments.seed))


if __name__ == "__main__":
    main()
