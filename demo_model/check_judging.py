"""Checks how well a checkpoint judges attempts: `python -m demo_model.check_judging FOLDER`.

Greedy and without an engine, on fresh judging traces (judging_traces.py). "By chance" is the expected number
right if one of the attempts shown is named at random.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from aimo_solver.engine.checkpoint import check_checkpoint
from aimo_solver.utils.exit import one_sentence_errors
from aimo_solver.utils.paths import DEMO_MODEL
from aimo_solver.voting.genselect.judgment import find_judgment
from demo_model.judging_traces import MAX_ATTEMPTS, judging_trace
from demo_model.traces import draw_family

JUDGINGS = 60
MAX_NEW_TOKENS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingCheck:
    """How many fresh judgings a checkpoint got right."""

    checkpoint: str
    judgings: int
    right: int
    by_chance: float

    def __str__(self) -> str:
        return f"{self.checkpoint}: {self.right} of {self.judgings} judgings right, {self.by_chance:.1f} by chance"


def check_judging(folder: Path, judgings: int = JUDGINGS) -> JudgingCheck:
    """Counts the judgings that name the right attempt, or none when all are wrong.

    Raises EngineLoadError or InputError for a folder that is not a checkpoint.
    """
    check_checkpoint(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    right, by_chance = 0, 0.0
    for index in range(judgings):
        rng = Random(f"x{index}")
        family, params = draw_family(rng)
        trace = judging_trace(family, params, rng)
        attempts = trace.problem.count(", which answers ")
        (wanted,) = trace.segments
        reply = _reply(trace.problem, tokenizer, model)
        right += find_judgment(reply, MAX_ATTEMPTS) == find_judgment(wanted.text, MAX_ATTEMPTS)
        by_chance += 1 / attempts
    return JudgingCheck(checkpoint=folder.name, judgings=judgings, right=right, by_chance=by_chance)


def _reply(prompt: str, tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel) -> str:
    token_ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=False
    )
    prompt_ids = torch.tensor([token_ids])
    with torch.inference_mode():
        output = model.generate(
            prompt_ids, attention_mask=torch.ones_like(prompt_ids), max_new_tokens=MAX_NEW_TOKENS, do_sample=False
        )[0]
    return tokenizer.decode(output[len(token_ids) :], skip_special_tokens=True)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python -m demo_model.check_judging demo_model/tir"
    )
    parser.add_argument("folder", type=Path, nargs="?", default=DEMO_MODEL, help="checkpoint to check")
    arguments = parser.parse_args()
    with one_sentence_errors():
        print(check_judging(arguments.folder))


if __name__ == "__main__":
    main()
