"""Scales: how large activations, weights and gradients are, and what of them a smaller format would lose.  K lanes."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from worker.trainer.engine.accumulation import Batch
from worker.trainer.engine.weights import Weights

FORMATS: dict[str, tuple[torch.dtype, torch.dtype]] = {
    "fp8": (torch.float8_e4m3fn, torch.float8_e5m2),
    "bf16": (torch.bfloat16, torch.bfloat16),
    "fp16": (torch.float16, torch.float16),
}
"""Format → what activations and weights take in it, and what gradients take."""


class Seen(NamedTuple):
    """A tensor, and how much of it is no padding, which is zero."""

    tensor: Tensor
    real: float = 1.0


Named = tuple[str, str]
"""Whether activation or weight, and of which layer."""


class Probe:
    """Remembers what each layer puts out in one pass; of one that is asked more than once, each time."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._times = Counter[str]()

    def __call__(self, name: str, output: Tensor, features: int | None = None) -> Tensor:
        """The output, the first `features` of which are real, or all."""
        self._times[name] += 1
        numbered = name if self._times[name] == 1 else f"{name}.{self._times[name]}"
        self._seen[numbered] = Seen(output, (features or output.shape[-1]) / output.shape[-1])
        return output

    def told(self) -> dict[str, Seen]:
        """What was put out, by layer; it is remembered no longer."""
        seen, self._seen = self._seen, {}
        self._times.clear()
        return seen

    @contextmanager
    def hooked(self, layers: nn.Module) -> Iterator[None]:
        """See what each innermost layer of plain modules puts out: of several things the first."""
        inner = [(name, each) for name, each in layers.named_modules() if not any(each.children())]
        hooks = [each.register_forward_hook(partial(self._hear, name)) for name, each in inner]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _hear(self, name: str, _layer: nn.Module, _inputs: Any, output: Any) -> Any:
        """What goes on is a copy, for the layer that comes next may write into it."""
        first = output
        while isinstance(first, tuple) and first:
            first = first[0]
        if not isinstance(first, Tensor) or not first.is_floating_point() or not first.dim():
            return output
        self(name, first)
        return first.clone() if first is output else output


class Scales:
    """Measures a pass of its own over a batch, so that training itself carries nothing for it."""

    def __init__(self, weights: Weights, losses: Callable[[Batch], Tensor], probe: Probe) -> None:
        self._weights, self._losses, self._probe = weights, losses, probe
        self._before: dict[str, Tensor] = {}

    def remember(self, batch: Batch) -> None:
        """See what layers put out before the first step, so that what is measured next tells by how much it changed."""
        with torch.no_grad():
            self._losses(batch)
        self._before = {name: seen.tensor for name, seen in self._probe.told().items()}

    def measure(self, batch: Batch) -> list[dict[str, float]]:
        """Curve → value, for each lane: `rms.KIND.LAYER`, and `lost.FORMAT.KIND.LAYER`, the share out of its range;
        after the first step `change.LAYER`, the RMS change of what it puts out on the same batch."""
        losses = self._losses(batch)
        outputs, named = self._probe.told(), self._weights.named
        found = {("activation", name): seen for name, seen in outputs.items()}
        found |= {("weight", name): Seen(tensor, self._weights.real[name]) for name, tensor in named.items()}
        curves: dict[str, list[float]] = {}
        for direction, tensors in enumerate((found, _gradients(losses, found))):
            for (kind, name), (tensor, real) in tensors.items():
                rows, layer = _rows(tensor, len(losses)), name.removesuffix(".weight")
                curves |= _curves(f"{kind}{'_gradient' * direction}.{layer}", rows, real, direction)
        for name, before in self._before.items():
            rows = _rows(outputs[name].tensor, len(losses)) - _rows(before, len(losses))
            curves[f"change.{name}"] = _rms(rows, outputs[name].real)
        self._before = {}
        return [{key: values[lane] for key, values in curves.items()} for lane in range(len(losses))]


def _gradients(losses: Tensor, found: Mapping[Named, Seen]) -> dict[Named, Seen]:
    """Of those that the losses depend on: frozen layers, and what nobody reads, have none."""
    asked = {name: seen for name, seen in found.items() if seen.tensor.requires_grad}
    slopes = torch.autograd.grad(losses.sum(), [seen.tensor for seen in asked.values()], allow_unused=True)
    pairs = zip(asked.items(), slopes, strict=True)
    return {name: Seen(slope, seen.real) for (name, seen), slope in pairs if slope is not None}


def _rows(tensor: Tensor, lanes: int) -> Tensor:
    return tensor.detach().float().reshape(lanes, -1)


def _curves(name: str, rows: Tensor, real: float, direction: int) -> dict[str, list[float]]:
    lost = {f"lost.{word}.{name}": _lost(rows, formats[direction]) for word, formats in FORMATS.items()}
    return {f"rms.{name}": _rms(rows, real)} | lost


def _rms(rows: Tensor, real: float) -> list[float]:
    """Root of the mean square of what is no padding."""
    return (rows.square().mean(1) / real).sqrt().tolist()


def _lost(rows: Tensor, dtype: torch.dtype) -> list[float]:
    """The share of numbers, zeros left out (padding is zero), that are too small or too large for a format."""
    sizes, limits = rows.abs(), torch.finfo(dtype)
    smallest = limits.smallest_normal * limits.eps / 2  # what is below half the smallest number becomes zero
    there = sizes > 0
    outside = there & ((sizes <= smallest) | (sizes > limits.max))
    return (outside.sum(1) / there.sum(1).clamp(min=1)).tolist()
