"""Checks a checkpoint on problems it has never seen, greedily and without an engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from aimo_solver.dialects.numina import NUMINA
from aimo_solver.problems.problem import ANY_INTEGER
from demo_model.families import FAMILIES
from demo_model.families.family import fill
from demo_model.traces import run_program

PROBLEMS_PER_FAMILY = 2
MAX_NEW_TOKENS = 160
MAX_TURNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How many fresh problems a checkpoint answered, and how many of those correctly."""

    checkpoint: str
    problems: int
    right: int
    answered: int

    def __str__(self) -> str:
        right = f"{self.right} of {self.problems} fresh problems right ({self.right / self.problems:.0%})"
        return f"{self.checkpoint}: {right}, {self.answered} answered"


def check(folder: Path, seed: int) -> CheckResult:
    """Measures greedy pass@1 on fresh problems of every family, in wordings from training."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    right = answered = problems = 0
    for family in FAMILIES:
        for index in range(PROBLEMS_PER_FAMILY):
            rng = Random(f"check:{seed}:{family.name}:{index}")
            params = family.draw(rng)
            text = _complete(fill(rng.choice(family.wordings), params), tokenizer, model)
            answer = NUMINA.find_answer(text, ANY_INTEGER)
            problems += 1
            answered += answer is not None
            right += answer == family.brute_force(params)
    return CheckResult(checkpoint=folder.name, problems=problems, right=right, answered=answered)


def _complete(problem: str, tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel) -> str:
    token_ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": problem}], add_generation_prompt=True, return_dict=False
    )
    generated = ""
    for _ in range(MAX_TURNS):
        prompt = torch.tensor([token_ids])
        with torch.inference_mode():
            generated_ids = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=False,
                stop_strings=list(NUMINA.stop),
                tokenizer=tokenizer,
            )[0]
        output = [int(token_id) for token_id in generated_ids]
        turn = tokenizer.decode(output[len(token_ids) :])
        generated += turn
        call = NUMINA.find_code(turn)
        if call is None or call.code is None:
            break
        token_ids = output + tokenizer.encode(NUMINA.render_output(run_program(call.code)), add_special_tokens=False)
    return generated
