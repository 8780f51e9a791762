"""The data set `linear`: a line with noise, made on the spot."""

import torch
from torch import Tensor

SEED = 20260101
EXAMPLES = 150


def make() -> dict[str, Tensor]:
    """y = 2x + 1 + 0.1ε, with x and ε standard normal."""
    x, noise = torch.randn(2, EXAMPLES, 1, generator=torch.Generator().manual_seed(SEED))
    return {"inputs": x.contiguous(), "targets": 2 * x + 1 + 0.1 * noise}
