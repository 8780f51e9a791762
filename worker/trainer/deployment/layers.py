"""Linear layers as they are served in few bits: fp32 goes in and comes out.  B rows, I fan-in, O fan-out.

Of a weight in int8, W ≈ diag(s) · w: each output has a scale of its own, and the largest weight of its row is ±127.
"""

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST = 127
PACKED = torch.ops.mkldnn
FEW_ROWS = 8
"""Up to here, reading the weight costs more than the products: it is read as int8, and never unpacked."""

VECTOR = 32
"""Weights that are read as int8 are read in vectors of so many numbers, whether they are there or not."""
FEWEST_ROWS = 24
"""Of what a GPU multiplies in int8."""


def quantized(weight: Tensor) -> tuple[Tensor, Tensor]:
    """w (O, I) in int8, and s (O,)."""
    scale = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
    return (weight / scale.unsqueeze(1)).round().clamp(-LARGEST, LARGEST).to(torch.int8), scale


class FewBits(nn.Module):
    """A layer that keeps its numbers in a form of its own."""

    weight = torch.empty(0)
    """Of this only the type means something: that of what goes in and comes out."""


class Bf16Linear(FewBits):
    """Operands and results in bf16, sums in fp32."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self._packed = weight.device.type == "cpu" and _packs_bf16()
        # laid out for the kernel once: without that, a product with one row takes twice as long
        self._weight = PACKED._reorder_linear_weight(weight, 1) if self._packed else weight  # noqa: SLF001
        self._bias = bias

    def forward(self, x: Tensor) -> Tensor:
        small = x.to(torch.bfloat16)
        if self._packed:
            y = PACKED._linear_pointwise(small, self._weight, self._bias, "none", [], "")  # noqa: SLF001
        else:
            y = functional.linear(small, self._weight, self._bias)
        return y.float()


class DynamicLinear(FewBits):
    """int8 times int8: the scale of what comes in is found while it is used. On a CPU."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        zeros = torch.zeros(len(scale), dtype=torch.int64)
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # deprecated, and the fastest there is
            whole = torch._make_per_channel_quantized_tensor(weight, scale, zeros, 0)  # noqa: SLF001
        self._packed = torch.ops.quantized.linear_prepack(whole, bias)
        # without VNNI sums of two products are kept in 16 bits, which 8 by 8 bits can overflow
        self._seven_bits = not torch.cpu._is_vnni_supported()  # noqa: SLF001

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.quantized.linear_dynamic(x, self._packed, self._seven_bits)


class RowwiseLinear(FewBits):
    """int8 times int8, each row of what comes in by a scale of its own. On a GPU."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self._weight = functional.pad(weight, (0, -inputs % 8, 0, -outputs % 8))
        self._scale, self._bias = scale, 0.0 if bias is None else bias

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)
        largest = rows.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
        small = (rows / largest).round().to(torch.int8)
        more = max(0, FEWEST_ROWS - len(small))
        small = functional.pad(small, (0, self._weight.shape[1] - small.shape[1], 0, more))
        sums = torch._int_mm(small, self._weight.mT)  # noqa: SLF001
        y = sums[: len(rows), : len(self._scale)] * largest * self._scale + self._bias
        return y.unflatten(0, x.shape[:-1])


class WeightOnlyLinear(FewBits):
    """int8 weights, read as bf16 when they are used; operands in bf16."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self._scale, self._bias = scale, bias
        self._weight = weight.clone()  # at an even address, as a file need not have it: else reading as int8 crashes
        self._ones = torch.ones_like(scale, dtype=torch.bfloat16)
        self._read_as_int8 = weight.device.type == "cpu" and weight.shape[1] % VECTOR == 0

    def forward(self, x: Tensor) -> Tensor:
        small = x.to(torch.bfloat16)
        if not self._read_as_int8 or x.numel() > FEW_ROWS * x.shape[-1]:
            y = functional.linear(small, self._weight.to(torch.bfloat16))
        else:
            rows = torch._weight_int8pack_mm(small.flatten(0, -2), self._weight, self._ones)  # noqa: SLF001
            y = rows.unflatten(0, x.shape[:-1])
        y = y.float().mul_(self._scale)
        return y if self._bias is None else y.add_(self._bias)


class InBf16(nn.Module):
    """Any other layer with weights, in bf16."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self._layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self._layer(x.to(torch.bfloat16) if x.is_floating_point() else x).float()


def _packs_bf16() -> bool:
    return torch.backends.mkldnn.is_available() and PACKED._is_mkldnn_bf16_supported()  # noqa: SLF001
