"""gpt-oss's vocabulary comes from the installed set: Kaggle has no internet, and a fresh machine no cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

ENCODE = """
from openai_harmony import Conversation, HarmonyEncodingName, Message, Role, load_harmony_encoding
encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
prompt = Conversation.from_messages([Message.from_role_and_content(Role.USER, "What is 6 x 7?")])
print(encoding.decode(encoding.render_conversation_for_completion(prompt, Role.ASSISTANT)))
"""


def test_a_gpt_oss_prompt_is_encoded_without_a_network(tmp_path: Path) -> None:
    unshare = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine makes no network namespaces")
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*unshare, sys.executable, "-c", ENCODE],
        check=True,
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "<|start|>user<|message|>What is 6 x 7?<|end|><|start|>assistant"


def test_the_modules_are_those_of_the_distribution_that_is_asked_for() -> None:
    owned = {str(file) for file in distribution("oss-harmony").files or []}
    assert "openai_harmony/__init__.py" in owned
