"""Signals: whenever they come, alone or in pairs, a run leaves its submission, right up to that moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUNS = 12


def test_run_that_is_sent_signals_at_any_moment_leaves_its_submission(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.helpers.interrupted_runs", str(tmp_path), str(RUNS), "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    left = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(left) == RUNS
    for run in left:
        assert run["problems"] == 60 and not run["wrong"] and not run["lost"] and not run["partials"], run
        assert run["code"] in (0, 130) and run["stderr"] in ("", "interrupted\n"), run
