"""Kernels: which of several multiplies fp32 matrices here.

By default torch has MKL multiply, which runs at half speed on some AMD processors. oneDNN is taken only where torch is
allowed to round operands to bf16. Whether it then does hangs on the processor, so that is tried out.
"""

import functools

import torch

DEFAULT, ONEDNN = "none", "bf16"
WORST = 2e-6
"""Relative error of a product that counts as fp32's own: rounding to bf16 makes it a thousand times larger."""
SHAPES = ((64, 96, 80), (512, 64, 192), (384, 520, 264))


def settle(kernel: str) -> None:
    """Multiply by this kernel from now on."""
    if torch.backends.mkldnn.matmul.fp32_precision != kernel:
        torch.backends.mkldnn.matmul.fp32_precision = kernel


@functools.cache
def best() -> str:
    """The kernel for large products: oneDNN's where it is exact. It follows from the processor, not from its mood."""
    before = torch.backends.mkldnn.matmul.fp32_precision
    try:
        settle(ONEDNN)
        return ONEDNN if max(map(_error, SHAPES)) < WORST else DEFAULT
    finally:
        settle(before)


def _error(shape: tuple[int, int, int]) -> float:
    """Of the three products of a linear layer, one lane and two, the largest relative error."""
    rows, fan_in, fan_out = shape
    generator = torch.Generator().manual_seed(rows)
    x, w, g = (
        torch.randn(2, *size, generator=generator) for size in ((rows, fan_in), (fan_out, fan_in), (rows, fan_out))
    )
    pairs = [(a[:lanes], b[:lanes]) for a, b in ((x, w.mT), (g, w), (g.mT, x)) for lanes in (1, 2)]
    return max(_apart(torch.bmm(a, b), torch.bmm(a.double(), b.double())) for a, b in pairs)


def _apart(product: torch.Tensor, exact: torch.Tensor) -> float:
    return float((product - exact).norm() / exact.norm())
