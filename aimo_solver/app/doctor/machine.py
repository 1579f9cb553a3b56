"""Checks of the machine: its cards, what is attached, the sandbox, the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from aimo_solver.app.doctor.finding import Finding, Severity
from aimo_solver.config.contest import contests_with
from aimo_solver.engine.hardware import Card
from aimo_solver.kaggle.inputs import find_checkpoint, find_competition, find_wheel_folders

MIN_FREE_SHARE: Final = 0.9
"""Of a card's memory; less means that another process uses it."""
MIN_DISK_BYTES: Final = 2 * 2**30


def check_cards(cards: Sequence[Card], meant: Sequence[Card]) -> list[Finding]:
    if not cards and meant:
        return [Finding("cards", Severity.WARN, f"none here; checked as if on {len(meant)} x {meant[0].description}")]
    if not cards:
        return [Finding("cards", Severity.OK, "none: the engine runs on the CPU, for small models")]
    found: list[Finding] = []
    for card in cards:
        text = f"{card.description}, {card.free_bytes / 2**30:.1f} GiB free, driver {card.driver}"
        busy = card.free_bytes < MIN_FREE_SHARE * card.memory_bytes
        cure = "; end the other process on it (nvidia-smi lists it)" if busy else ""
        found.append(Finding("cards", Severity.WARN if busy else Severity.OK, text + cure))
    return found


def check_inputs(root: Path, own_contest: str = "") -> list[Finding]:
    """Says what is attached. `own_contest`: the file of a contest that is not shipped."""
    if not root.is_dir():
        return [Finding("inputs", Severity.OK, f"nothing is attached ({root} is not there)")]
    contest = find_competition(root, contests_with(own_contest))
    checkpoint, wheels = find_checkpoint(root), find_wheel_folders(root)
    return [
        Finding("inputs", Severity.OK, f"contest: {contest[0].name} at {contest[1]}")
        if contest
        else Finding("inputs", Severity.WARN, "no contest is attached; add it to competition_sources"),
        Finding("inputs", Severity.OK, f"checkpoint: {checkpoint}")
        if checkpoint
        else Finding(
            "inputs",
            Severity.WARN,
            "no checkpoint is attached, which a contest needs; add a model source",
        ),
        Finding("inputs", Severity.OK, f"wheels: {', '.join(str(folder) for folder in wheels) or 'none'}"),
    ]


def check_sandbox(layers: Mapping[str, str]) -> Finding:
    off = {name: state for name, state in layers.items() if not state.startswith("on")}
    text = ", ".join(f"{name} {state}" for name, state in layers.items())
    return Finding("sandbox", Severity.WARN if len(off) > 1 else Severity.OK, text)


def check_disk() -> list[Finding]:
    found: list[Finding] = []
    for folder in {os.getcwd(), tempfile.gettempdir()}:
        free = shutil.disk_usage(folder).free
        scarce = free < MIN_DISK_BYTES
        text = f"{folder}: {free / 2**30:.1f} GiB free" + ("; make room" if scarce else "")
        found.append(Finding("disk", Severity.WARN if scarce else Severity.OK, text))
    return sorted(found, key=lambda finding: finding.text)
