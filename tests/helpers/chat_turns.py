"""What models of the families write when they call, and what their chat templates make of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from aimo_solver.dialects.prompt import Prompt
from aimo_solver.dialects.template import TemplateDialect
from tests.helpers.chat_templates import PYTHON

PROBLEM: Final = "What is 6 times 7?"
PROMPT: Final = Prompt(system="Box the answer.", tool="Runs Python code.")
CODE: Final = "x = {'a': 6}\nprint(x['a'] * 7)"
JSON_CODE: Final = json.dumps({"code": CODE})
TURNS: Final[Mapping[str, str]] = {
    "qwen2_5": f'<tool_call>\n{{"name": "python", "arguments": {JSON_CODE}}}\n</tool_call>',
    "qwen3": f'<think>\nHm.\n</think>\n\n<tool_call>\n{{"name": "python", "arguments": {JSON_CODE}}}\n</tool_call>',
    "qwen3_5": (
        f"Hm.\n</think>\n\n<tool_call>\n<function=python>\n<parameter=code>\n{CODE}\n</parameter>\n</function>\n</tool_call>"
    ),
    "nemotron_3": (
        f"Hm.\n</think>\n<tool_call>\n<function=python>\n<parameter=code>\n{CODE}\n</parameter>\n</function>\n</tool_call>"
    ),
    "glm_4_5": (
        f"\n<think>Hm.</think>\n<tool_call>python\n<arg_key>code</arg_key>\n<arg_value>{CODE}</arg_value>\n</tool_call>"
    ),
    "gemma_4": f'<|channel>thought\nHm.\n<channel|><|tool_call>call:python{{code:<|"|>{CODE}<|"|>}}<tool_call|>',
    "deepseek_v3": (
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>python\n"
        f"```json\n{JSON_CODE}\n```<｜tool▁call▁end｜>"
    ),
    "deepseek_v3_1": (f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>python<｜tool▁sep｜>{JSON_CODE}<｜tool▁call▁end｜>"),
    "ministral_3": f"[THINK]Hm.[/THINK][TOOL_CALLS]python[ARGS]{JSON_CODE}</s>",
    "llama_3_1": f'{{"name": "python", "parameters": {JSON_CODE}}}<|eot_id|>',
}
"""By template: what the model writes when it calls, up to where generation stops."""
REPLIES: Final[Mapping[str, str]] = {
    "qwen2_5": "<|im_end|>\n<|im_start|>user\n<tool_response>\n42\n</tool_response><|im_end|>\n<|im_start|>assistant\n",
    "qwen3": "<|im_end|>\n<|im_start|>user\n<tool_response>\n42\n</tool_response><|im_end|>\n<|im_start|>assistant\n",
    "qwen3_5": (
        "<|im_end|>\n<|im_start|>user\n<tool_response>\n42\n</tool_response><|im_end|>\n<|im_start|>assistant\n<think>\n"
    ),
    "nemotron_3": (
        "\n<|im_end|>\n<|im_start|>user\n<tool_response>\n42\n</tool_response>\n<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n"
    ),
    "glm_4_5": "<|observation|>\n<tool_response>\n42\n</tool_response><|assistant|>",
    "gemma_4": '<|tool_response>response:python{value:<|"|>42<|"|>}<tool_response|>',
    "deepseek_v3": (
        "<｜tool▁calls▁end｜><｜end▁of▁sentence｜><｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>42<｜tool▁output▁end｜>"
        "<｜tool▁outputs▁end｜>"
    ),
    "deepseek_v3_1": "<｜tool▁calls▁end｜><｜end▁of▁sentence｜><｜tool▁output▁begin｜>42<｜tool▁output▁end｜>",
    "ministral_3": "[TOOL_RESULTS]42[/TOOL_RESULTS]",
    "llama_3_1": (
        '<|start_header_id|>ipython<|end_header_id|>\n\n{"output": "42"}<|eot_id|>'
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
}
"""By template: what follows that turn once its code has printed 42."""
AS_TEXT: Final = ("deepseek_v3", "deepseek_v3_1")
"""Templates that want a call's arguments as a text."""


def conversation(name: str, code: str = CODE, output: str = "42") -> list[dict[str, Any]]:
    """Returns the messages of a problem, a call and its reply."""
    arguments: Any = json.dumps({"code": code}) if name in AS_TEXT else {"code": code}
    call = {"id": "a1b2c3d4e", "type": "function", "function": {"name": "python", "arguments": arguments}}
    content: Any = [{"type": "thinking", "thinking": "Hm."}] if name == "ministral_3" else ""
    return [
        {"role": "system", "content": PROMPT.system},
        {"role": "user", "content": PROBLEM},
        {"role": "assistant", "content": content, "reasoning_content": "Hm.", "tool_calls": [call]},
        {"role": "tool", "name": "python", "tool_call_id": "a1b2c3d4e", "content": output},
    ]


def rendered(dialect: TemplateDialect, messages: list[dict[str, Any]]) -> str:
    tools = [PYTHON] if dialect.form.declares_tools else []
    return dialect.template.render(messages, tools=tools, variables=dialect.form.style.variables)
