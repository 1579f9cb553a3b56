"""WeightReporter: extends vLLM's workers, in their own processes (`worker_extension_cls`)."""

from __future__ import annotations

from typing import Any


class WeightReporter:
    """Reports how much memory a worker's share of the weights takes."""

    model_runner: Any
    """The worker's own attribute."""

    def weight_bytes(self) -> int | None:
        """Returns the bytes of parameters and buffers, shared ones once; None on a CPU, whose kernels keep copies."""
        model = self.model_runner.get_model()
        tensors = [*model.parameters(), *model.buffers()]
        if any(tensor.device.type == "cpu" for tensor in tensors):
            return None
        return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors}.values())
