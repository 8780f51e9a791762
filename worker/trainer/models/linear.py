"""The linear model: y = xWᵀ + b.  K lanes, B batch, I fan-in, O fan-out."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kind, Kinds, Table, Weight


class Linear:
    """One layer. It starts at zero: its loss is convex, and no start is better than another."""

    def layers(self, _model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(math.prod(inputs), outputs))

    def kinds(self, _model: Model, shapes: Shapes) -> dict[str, Weight]:
        weight, bias = shapes.items()
        return {weight[0]: Weight(Kind.READOUT, weight[1]), bias[0]: Weight(Kind.LAST_BIAS, bias[1])}

    def start(self, kinds: Kinds, _table: Table, _generator: torch.Generator) -> dict[str, Tensor]:
        return {name: torch.zeros(weight.shape) for name, weight in kinds.items()}

    def lanes(self, _plan: Plan) -> "Linear":
        return self

    def folds(self) -> dict[str, float]:
        return {}

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor, _parts: float = 1) -> Tensor:
        """x (K, B, I)   →   (K, B, O)"""
        weight, bias = weights.values()
        return torch.baddbmm(bias, inputs, weight.mT)
