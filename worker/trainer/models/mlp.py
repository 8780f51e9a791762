"""The multilayer perceptron.  K lanes, B batch, I fan-in, O fan-out."""

import math
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from unitscale.models.units import Parametrization
from worker.trainer.engine.padding import SIDE
from worker.trainer.engine.weights import Shapes
from worker.trainer.layers.perceptron import Perceptron
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kind, Kinds, Table, Weight


class Mlp:
    """`depth` hidden layers of `width` features with ReLU, and a linear one.

    ReLU is exact and keeps zeros zero, so lanes and padding stay what they are; an activation that rounds or moves zero
    needs a look at both.
    """

    def layers(self, model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Sequential:
        sizes = [math.prod(inputs), *[model.width] * model.depth]
        hidden = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
        return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))

    def kinds(self, _model: Model, shapes: Shapes) -> dict[str, Weight]:
        first, *_, last = (name for name in shapes if name.endswith("weight"))
        inputs = Weight(Kind.INPUT, shapes[first])
        return {name: _kind(name, shape, last) for name, shape in shapes.items()} | {first: inputs}

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)

    def side(self, _kinds: Kinds) -> int:
        return SIDE

    def lanes(self, plan: Plan) -> "Mlp | Perceptron":
        plain = plan.table.parametrization is Parametrization.SP and plan.casts is None and plan.probe is None
        return self if plain else Perceptron(plan)

    def folds(self) -> dict[str, float]:
        return {}

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor, _parts: float = 1) -> Tensor:
        """x (K, B, I)   →   (K, B, O)"""
        tensors = tuple(weights.values())
        *hidden, last = zip(tensors[::2], tensors[1::2], strict=True)
        for weight, bias in hidden:
            inputs = torch.baddbmm(bias, inputs, weight.mT).relu_()
        return torch.baddbmm(last[1], inputs, last[0].mT)


def _kind(name: str, shape: tuple[int, ...], last: str) -> Weight:
    if len(shape) == 1:
        return Weight(Kind.LAST_BIAS if name == last.replace("weight", "bias") else Kind.BIAS, shape)
    return Weight(Kind.READOUT, shape, 1, shape[0]) if name == last else Weight(Kind.HIDDEN, shape)
