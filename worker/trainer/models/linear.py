"""The linear model: y = xWᵀ + b.  K lanes, B batch, I fan-in, O fan-out."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes


class Linear:
    """One layer. It starts at zero: its loss is convex, and no start is better than another."""

    def layers(self, _model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(math.prod(inputs), outputs))

    def start(self, shapes: Shapes, _generator: torch.Generator) -> dict[str, Tensor]:
        return {name: torch.zeros(shape) for name, shape in shapes.items()}

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """x (K, B, I)   →   (K, B, O)"""
        weight, bias = weights.values()
        return torch.baddbmm(bias, inputs, weight.mT)
