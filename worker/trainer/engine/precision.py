"""Number formats: what weights are kept in, what is computed in, and to what operands are rounded."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from unitscale.models.units import Precision
from worker.trainer.units.operations import Casts, product

BYTES = 16


@dataclass(frozen=True)
class Numbers:
    """A precision in three facts."""

    kept: torch.dtype = torch.float32
    """Weights, gradients and the optimizer's state."""
    computed: torch.dtype = torch.float32
    """Activations and products. Losses are always fp32."""
    casts: Casts | None = None
    """Hidden layers only."""
    scaled: bool = False
    """Whether the loss is scaled, so that small gradients do not become zero."""


def fitted(to: torch.dtype) -> Callable[[Tensor], Tensor]:
    """To the nearest number of a format; what is too large becomes its largest."""
    largest = torch.finfo(to).max
    return lambda tensor: tensor.clamp(-largest, largest).to(to)


def rounded(to: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The same, and back."""
    fit = fitted(to)
    return lambda tensor: fit(tensor).to(tensor.dtype)


def product_of_bytes(a: Tensor, b: Tensor, scale: float, dtype: torch.dtype) -> Tensor:
    """scale · ab of numbers of 8 bits, (K, M, I) and (K, I, N), on hardware made for them, summed in more bits.

    No tensor has a scale of its own: it is the parametrization that keeps numbers within the format. The operation
    reads rows of a and columns of b, in multiples of 16.
    """
    factor, one = (torch.full((), number, device=a.device) for number in (scale, 1.0))
    lanes = zip(_padded(a), _padded(b.mT), strict=True)
    multiply = partial(torch._scaled_mm, scale_a=factor, scale_b=one, out_dtype=dtype)  # noqa: SLF001  no public name
    products = [multiply(x, y.T) for x, y in lanes]
    return torch.stack(products)[:, : a.shape[1], : b.shape[2]]


def _padded(numbers: Tensor) -> Tensor:
    """Contiguous, with zeros after the last two axes up to multiples of 16; a byte of zeros is the number 0."""
    rows, columns = numbers.shape[-2:]
    padded = functional.pad(numbers.view(torch.uint8), (0, -columns % BYTES, 0, -rows % BYTES))
    return padded.contiguous().view(numbers.dtype)


def in_bytes(dtype: torch.dtype) -> Casts:
    """Operands of 8 bits, E4M3 forward and E5M2 for gradients; what comes out is of `dtype`."""
    multiply = partial(product_of_bytes, dtype=dtype)
    return Casts(fitted(torch.float8_e4m3fn), fitted(torch.float8_e5m2), multiply)


def choose_products(precision: Precision) -> None:
    """Which numbers a GPU rounds the operands of fp32 products to, in this process: TF32 is asked for by name alone."""
    products = "tf32" if precision is Precision.TF32 else "ieee"
    torch.backends.cuda.matmul.fp32_precision = products
    torch.backends.cudnn.conv.fp32_precision = products


NUMBERS: dict[Precision, Numbers] = {
    Precision.FP32: Numbers(),
    Precision.BF16: Numbers(kept=torch.bfloat16, computed=torch.bfloat16),
    Precision.BF16_MIXED: Numbers(computed=torch.bfloat16),
    Precision.TF32: Numbers(),
    Precision.FP16_MIXED: Numbers(computed=torch.float16, scaled=True),
    Precision.FP8: Numbers(computed=torch.bfloat16, casts=in_bytes(torch.bfloat16)),
    Precision.FP8_SIMULATED: Numbers(casts=Casts(rounded(torch.float8_e4m3fn), rounded(torch.float8_e5m2), product)),
}
