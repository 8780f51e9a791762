"""Kernels: which of several multiplies matrices of fp32 on this processor.

By default torch has MKL multiply, which runs at half speed on some AMD processors. oneDNN is taken only where torch is
allowed to round operands to bf16. Whether it then does hangs on the processor, so that is tried out.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

DEFAULT, ONEDNN = "none", "bf16"
WORST = 2e-6
"""Relative error of a product that counts as fp32's own: rounding to bf16 makes it a thousand times larger."""
LARGE = 2**20
"""Multiplications in a product from which on oneDNN gains; a small one takes it ten microseconds longer."""
TRIED = ((64, 96, 80), (512, 64, 192), (384, 520, 264))


def suited(device: str, multiplications: int) -> str:
    """The kernel for a job whose largest product has so many multiplications."""
    return best() if device == "cpu" and multiplications >= LARGE else DEFAULT


def again(kernel: str) -> str:
    """The kernel that an earlier attempt had, unless it is exact on its processor alone."""
    return kernel if kernel in (DEFAULT, best()) else DEFAULT


def current() -> str:
    """The kernel that multiplies now."""
    return torch.backends.mkldnn.matmul.fp32_precision


def settle(kernel: str) -> None:
    """Multiply by this kernel from now on."""
    if current() != kernel:
        torch.backends.mkldnn.matmul.fp32_precision = kernel


@contextmanager
def multiplying_by(kernel: str) -> Iterator[None]:
    """Multiply by this kernel for a while."""
    before = current()
    settle(kernel)
    try:
        yield
    finally:
        settle(before)


@functools.cache
def best() -> str:
    """oneDNN's where it is exact. It follows from the processor alone: no clock is asked, so that runs stay equal."""
    with multiplying_by(ONEDNN):
        return ONEDNN if max(map(_error, TRIED)) < WORST else DEFAULT


def _error(sizes: tuple[int, int, int]) -> float:
    """Of the three products of a linear layer, with one lane and with two, the largest relative error."""
    rows, fan_in, fan_out = sizes
    shapes = ((rows, fan_in), (fan_out, fan_in), (rows, fan_out))
    x, w, g = (torch.randn(2, *shape, generator=torch.Generator().manual_seed(rows)) for shape in shapes)
    pairs = [(a[:lanes], b[:lanes]) for a, b in ((x, w.mT), (g, w), (g.mT, x)) for lanes in (1, 2)]
    return max(_apart(torch.bmm(a, b), torch.bmm(a.double(), b.double())) for a, b in pairs)


def _apart(product: Tensor, exact: Tensor) -> float:
    return float((product - exact).norm() / exact.norm())
