"""Runs inside vLLM's workers, which take it for a part of themselves (`worker_extension_cls`)."""

from __future__ import annotations

from typing import Any


class WeightReporter:
    """Tells how much memory a worker's share of the weights takes."""

    model_runner: Any
    """The worker's own."""

    def weight_bytes(self) -> int | None:
        """Parameters and buffers, one that is shared once; None on a CPU, where kernels keep packed copies unseen."""
        model = self.model_runner.get_model()
        tensors = [*model.parameters(), *model.buffers()]
        if any(tensor.device.type == "cpu" for tensor in tensors):
            return None
        return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors}.values())
