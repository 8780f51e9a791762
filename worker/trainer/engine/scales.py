"""Scales: how large activations, weights and gradients are, and what of them a smaller format would lose.  K lanes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from worker.trainer.engine.accumulation import Batch
from worker.trainer.engine.weights import Weights

FORMATS: dict[str, tuple[torch.dtype, torch.dtype]] = {
    "fp8": (torch.float8_e4m3fn, torch.float8_e5m2),
    "bf16": (torch.bfloat16, torch.bfloat16),
    "fp16": (torch.float16, torch.float16),
}
"""Format → what activations and weights take in it, and what gradients take."""


class Probe:
    """Remembers what each layer puts out in one pass."""

    def __init__(self) -> None:
        self.seen: dict[str, Tensor] = {}

    def __call__(self, name: str, output: Tensor) -> Tensor:
        self.seen[name] = output
        return output


class Scales:
    """Measures a pass of its own over a batch, so that training itself carries nothing for it."""

    def __init__(self, weights: Weights, losses: Callable[[Batch], Tensor], probe: Probe) -> None:
        self._weights, self._losses, self._probe = weights, losses, probe
        self._before: dict[str, Tensor] = {}

    def remember(self, batch: Batch) -> None:
        """See what layers put out before the first step, so that what is measured next tells by how much it changed."""
        self._losses(batch)
        self._before = {name: output.detach() for name, output in self._probe.seen.items()}
        self._probe.seen.clear()

    def measure(self, batch: Batch) -> list[dict[str, float]]:
        """Curve → value, for each lane: `rms.KIND.LAYER`, and `lost.FORMAT.KIND.LAYER`, the share out of its range;
        after the first step `change.LAYER`, the RMS change of what it puts out on the same batch."""
        losses = self._losses(batch)
        outputs, named = dict(self._probe.seen), self._weights.named
        found = torch.autograd.grad(losses.sum(), [*named.values(), *outputs.values()])
        of_weights, of_outputs = found[: len(named)], found[len(named) :]
        kinds: dict[str, tuple[int, Mapping[str, Tensor]]] = {
            "activation": (0, outputs),
            "activation_gradient": (1, dict(zip(outputs, of_outputs, strict=True))),
            "weight": (0, named),
            "weight_gradient": (1, dict(zip(named, of_weights, strict=True))),
        }
        curves: dict[str, list[float]] = {}
        for kind, (direction, tensors) in kinds.items():
            for name, tensor in tensors.items():
                rows = tensor.detach().float().reshape(len(losses), -1)
                curves |= _curves(f"{kind}.{name.removesuffix('.weight')}", rows, direction)
        for name, before in self._before.items():
            rows = (outputs[name].detach().float() - before.float()).reshape(len(losses), -1)
            curves[f"change.{name.removesuffix('.weight')}"] = rows.square().mean(1).sqrt().tolist()
        self._before = {}
        self._probe.seen.clear()
        return [{key: values[lane] for key, values in curves.items()} for lane in range(len(losses))]


def _curves(name: str, rows: Tensor, direction: int) -> dict[str, list[float]]:
    lost = {f"lost.{word}.{name}": _lost(rows, formats[direction]) for word, formats in FORMATS.items()}
    return {f"rms.{name}": rows.square().mean(1).sqrt().tolist()} | lost


def _lost(rows: Tensor, dtype: torch.dtype) -> list[float]:
    """The share of numbers, zeros left out (padding is zero), that are too small or too large for a format."""
    sizes, limits = rows.abs(), torch.finfo(dtype)
    smallest = limits.smallest_normal * limits.eps / 2  # what is below half the smallest number becomes zero
    there = sizes > 0
    outside = there & ((sizes <= smallest) | (sizes > limits.max))
    return (outside.sum(1) / there.sum(1).clamp(min=1)).tolist()
