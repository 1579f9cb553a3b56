"""Cards to check settings against."""

from __future__ import annotations

from dataclasses import replace

from aimo_solver.engine.hardware import Card


def _card(name: str, capability: tuple[int, int], memory_gib: int, driver: str) -> Card:
    memory_bytes = memory_gib * 2**30
    return Card(name=name, capability=capability, memory_bytes=memory_bytes, free_bytes=memory_bytes, driver=driver)


P100 = _card("Tesla P100-PCIE-16GB", (6, 0), 16, "535.1")
T4 = _card("Tesla T4", (7, 5), 15, "535.1")
A100 = _card("NVIDIA A100-SXM4-40GB", (8, 0), 40, "535.1")
L4 = _card("NVIDIA L4", (8, 9), 23, "550.1")
H100 = replace(_card("NVIDIA H100 80GB HBM3", (9, 0), 80, "570.1"), free_bytes=79 * 2**30)
