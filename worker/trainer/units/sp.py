"""The standard parametrization: weights keep the scale of what passes through them at the start of training."""

import math

import torch
from torch import Tensor

from worker.trainer.engine.weights import Shapes


def draw(shapes: Shapes, generator: torch.Generator) -> dict[str, Tensor]:
    """First weights: matrices and kernels N(0, 1/fan-in), biases zero."""
    return {name: _weight(shape, generator) for name, shape in shapes.items()}


def _weight(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    if len(shape) == 1:
        return torch.zeros(shape)
    return torch.randn(shape, generator=generator) / math.sqrt(math.prod(shape[1:]))
