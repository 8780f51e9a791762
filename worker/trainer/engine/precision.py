"""Number formats: what weights are kept in, what is computed in, and to what operands are rounded."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscale.models.units import Precision
from worker.trainer.units.operations import Casts


@dataclass(frozen=True)
class Numbers:
    """A precision in three facts."""

    kept: torch.dtype = torch.float32
    """Weights, gradients and the optimizer's state."""
    computed: torch.dtype = torch.float32
    """Activations and products. Losses are always fp32."""
    casts: Casts | None = None
    """Hidden layers only."""


def rounded(to: torch.dtype) -> Callable[[Tensor], Tensor]:
    """To the nearest number of a format and back; what is too large becomes its largest."""
    largest = torch.finfo(to).max
    return lambda tensor: tensor.clamp(-largest, largest).to(to).to(tensor.dtype)


def choose_products(precision: Precision) -> None:
    """Which numbers a GPU rounds the operands of fp32 products to, in this process: TF32 is asked for by name alone."""
    products = "tf32" if precision is Precision.TF32 else "ieee"
    torch.backends.cuda.matmul.fp32_precision = products
    torch.backends.cudnn.conv.fp32_precision = products


NUMBERS: dict[Precision, Numbers] = {
    Precision.FP32: Numbers(),
    Precision.BF16: Numbers(kept=torch.bfloat16, computed=torch.bfloat16),
    Precision.BF16_MIXED: Numbers(computed=torch.bfloat16),
    Precision.FP8_SIMULATED: Numbers(casts=Casts(rounded(torch.float8_e4m3fn), rounded(torch.float8_e5m2))),
}
