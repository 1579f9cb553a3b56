"""Trains the demo model from scratch: `python -m demo_model.train --out FOLDER`.

Makes two checkpoints: FOLDER/cot learns to reason in words, FOLDER/tir continues from it and learns to
write Python. Seeded: the same machine and settings give the same weights. A killed training resumes from
FOLDER/work.
"""

from __future__ import annotations

import argparse
import pickle
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.utils.exit import one_sentence_errors
from demo_model.batches import Example, batches, draw_examples, draw_traces
from demo_model.check import check
from demo_model.model import VOCABULARY_SIZE, loss, new_model
from demo_model.tokenizer import train_tokenizer

SAVE_EVERY_STEPS = 25
LOG_EVERY_STEPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of training: its traces, its length and its learning rates."""

    name: str
    code: bool
    traces: int
    steps: int
    batch_size: int = 16
    warmup_steps: int = 20
    cooldown_share: float = 1.0
    """Share of the steps, at the end, in which the learning rate falls to zero. Noise at the full rate hides
    what was learnt: 50 steps at 0.4 of it took the loss on fresh traces from 0.52 to 0.40."""
    muon_lr: float = 0.03
    adamw_lr: float = 1e-2
    peak: float = 1.0
    """The largest share of those rates. Below 1, training forgets less of the checkpoint it starts from."""

    def rate(self, step: int) -> float:
        """Returns the share of the learning rates to use at this step."""
        cooldown_steps = self.cooldown_share * self.steps
        return self.peak * min(1.0, (step + 1) / self.warmup_steps, (self.steps - step) / cooldown_steps)


COT = Phase(name="cot", code=False, traces=20_000, steps=1_500)
TIR = Phase(name="tir", code=True, traces=60_000, steps=6_000)


class Trainer:
    """Trains one phase; saves its state now and then, and resumes from it."""

    def __init__(self, *, model: LlamaForCausalLM, phase: Phase, state: Path, device: str) -> None:
        self.model, self.phase, self.state, self.device = model.to(device), phase, state, device
        hidden = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
        others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
        self.optimizers: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(hidden, lr=phase.muon_lr, momentum=0.95, weight_decay=0.01),
            torch.optim.AdamW(others, lr=phase.adamw_lr, betas=(0.9, 0.95), weight_decay=0.0),
        )
        self.base_rates = (phase.muon_lr, phase.adamw_lr)
        self.step = 0
        if state.exists():
            self._load()

    def run(self, examples: Sequence[Example], padding_id: int) -> None:
        """Trains to the end of the phase. Prints loss, speed and time left."""
        source = batches(examples, size=self.phase.batch_size, padding_id=padding_id, rng=Random(self.phase.name))
        for _ in range(self.step):
            next(source)
        started, first, total_loss = time.monotonic(), self.step, 0.0
        while self.step < self.phase.steps:
            total_loss += self._learn(*next(source))
            self.step += 1
            if self.step % LOG_EVERY_STEPS == 0:
                seconds = (time.monotonic() - started) / (self.step - first)
                left = seconds * (self.phase.steps - self.step) / 60
                mean_loss, total_loss = total_loss / LOG_EVERY_STEPS, 0.0
                print(
                    f"{self.phase.name} step {self.step}/{self.phase.steps}  loss {mean_loss:.4f}  "
                    f"{seconds:.2f} s/step  {left:.0f} min left",
                    flush=True,
                )
            if self.step % SAVE_EVERY_STEPS == 0:
                self._save()

    def _learn(self, token_ids: torch.Tensor, labels: torch.Tensor) -> float:
        for optimizer, rate in zip(self.optimizers, self.base_rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * self.phase.rate(self.step)
        self.model.train()
        with torch.autocast(self.device, torch.bfloat16):
            value = loss(self.model, token_ids.to(self.device), labels.to(self.device))
        value.backward()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return value.item()

    def _save(self) -> None:
        partial = self.state.with_suffix(".partial")
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
        torch.save({"step": self.step, "model": self.model.state_dict(), "optimizers": optimizers}, partial)
        partial.replace(self.state)

    def _load(self) -> None:
        saved = torch.load(self.state, map_location=self.device)
        self.step = saved["step"]
        self.model.load_state_dict(saved["model"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        print(f"{self.phase.name}: resumed at step {self.step}", flush=True)


def save_checkpoint(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Saves standard Hugging Face files, in bfloat16."""
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def train(
    out: Path,
    phases: Sequence[Phase],
    *,
    seed: int,
    processes: int,
    device: str,
    start: Path | None = None,
    checked: bool = True,
) -> None:
    """Makes a checkpoint out/<phase> per phase, each from the previous one, the first from `start` or from scratch.

    Raises EngineLoadError or InputError, before anything is written, when `start` is not a checkpoint.
    """
    if start is not None:
        check_checkpoint(start)
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    if start is not None and not (work / "tokenizer").exists():
        shutil.copytree(start, work / "tokenizer", ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    tokenizer = _tokenizer(work / "tokenizer", seed, processes)
    if start is None:
        model = new_model(int(tokenizer.eos_token_id), int(tokenizer.pad_token_id))
    else:
        model = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    for phase in phases:
        trainer = Trainer(model=model, phase=phase, state=work / f"{phase.name}.pt", device=device)
        if trainer.step < phase.steps:
            examples = _examples(phase, work, seed, processes)
            tokens = sum(len(example.token_ids) for example in examples)
            print(f"{phase.name}: {tokens / len(examples):.0f} tokens a trace", flush=True)
            trainer.run(examples, int(tokenizer.pad_token_id))
        save_checkpoint(model, tokenizer, out / phase.name)
        if checked:
            print(check(out / phase.name, seed + 1), flush=True)
    shutil.rmtree(work)


def _examples(phase: Phase, work: Path, seed: int, processes: int) -> list[Example]:
    """Draws the phase's examples, or reads those that a killed training left."""
    kept = work / f"{phase.name}-{phase.traces}.examples"
    if not kept.exists():
        print(f"{phase.name}: drawing {phase.traces} traces", flush=True)
        examples = draw_examples(phase.traces, seed, work / "tokenizer", code=phase.code, processes=processes)
        partial = kept.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(examples))
        partial.replace(kept)
    return pickle.loads(kept.read_bytes())


def _tokenizer(folder: Path, seed: int, processes: int) -> PreTrainedTokenizerFast:
    """Fits a tokenizer to traces of both kinds, or loads the one in `folder`."""
    if folder.exists():
        return PreTrainedTokenizerFast.from_pretrained(folder)
    traces = [t for code in (False, True) for t in draw_traces(4_000, seed + 7, code=code, processes=processes)]
    texts = [text for t in traces for text in ("user", "assistant", t.problem, *(s.text for s in t.segments))]
    tokenizer = train_tokenizer(texts, VOCABULARY_SIZE)
    tokenizer.save_pretrained(folder)
    return tokenizer


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="example: python -m demo_model.train --out demo_model")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2, help="processes that draw traces")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads for training")
    parser.add_argument("--steps", type=int, nargs=2, default=(COT.steps, TIR.steps), metavar=("COT", "TIR"))
    parser.add_argument("--traces", type=int, nargs=2, default=(COT.traces, TIR.traces), metavar=("COT", "TIR"))
    parser.add_argument("--start", type=Path, help="continue this TIR checkpoint, on TIR traces only")
    parser.add_argument("--peak", type=float, default=1.0, help="largest share of the learning rates, for --start")
    parser.add_argument("--no-check", action="store_true", help="do not check the checkpoints on fresh problems")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    phases = [
        replace(phase, steps=steps, traces=traces, peak=arguments.peak)
        for phase, steps, traces in zip((COT, TIR), arguments.steps, arguments.traces, strict=True)
    ]
    with one_sentence_errors():
        train(
            arguments.out,
            phases if arguments.start is None else phases[1:],
            seed=arguments.seed,
            processes=arguments.processes,
            device=arguments.device,
            start=arguments.start,
            checked=not arguments.no_check,
        )


if __name__ == "__main__":
    main()
