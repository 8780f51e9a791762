"""The multilayer perceptron.  K lanes, B batch, I fan-in, O fan-out."""

import math
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.units import sp


class Mlp:
    """`depth` hidden layers of `width` features with ReLU, and a linear one.

    ReLU is exact and keeps zeros zero, so lanes and padding stay what they are; an activation that rounds or moves zero
    needs a look at both.
    """

    def layers(self, model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Sequential:
        sizes = [math.prod(inputs), *[model.width] * model.depth]
        hidden = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
        return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))

    def start(self, shapes: Shapes, generator: torch.Generator) -> dict[str, Tensor]:
        return sp.draw(shapes, generator)

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """x (K, B, I)   →   (K, B, O)"""
        tensors = tuple(weights.values())
        *hidden, last = zip(tensors[::2], tensors[1::2], strict=True)
        for weight, bias in hidden:
            inputs = torch.baddbmm(bias, inputs, weight.mT).relu_()
        return torch.baddbmm(last[1], inputs, last[0].mT)
