"""The linear model: y = xWᵀ + b.  K lanes, B batch, I fan-in, O fan-out."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.engine.padding import SIDE
from worker.trainer.engine.weights import Shapes
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kind, Kinds, Table, Weight

FEW = 64
"""Features of one output, up to which multiplying and adding them is faster than a product of padded matrices."""


class Linear:
    """One layer. It starts at zero: its loss is convex, and no start is better than another."""

    def __init__(self, plan: Plan | None = None) -> None:
        self._plan = plan

    def layers(self, _model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(math.prod(inputs), outputs))

    def kinds(self, _model: Model, shapes: Shapes) -> dict[str, Weight]:
        weight, bias = shapes.items()
        return {weight[0]: Weight(Kind.READOUT, weight[1]), bias[0]: Weight(Kind.LAST_BIAS, bias[1])}

    def start(self, kinds: Kinds, _table: Table, _generator: torch.Generator) -> dict[str, Tensor]:
        return {name: torch.zeros(weight.shape) for name, weight in kinds.items()}

    def side(self, kinds: Kinds) -> int:
        return 1 if _adds(kinds) else SIDE

    def lanes(self, plan: Plan) -> "Linear":
        return (Sum if _adds(plan.kinds) else Linear)(plan)

    def folds(self) -> dict[str, float]:
        return {}

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor, _parts: float = 1) -> Tensor:
        """x (K, B, I)   →   (K, B, O)"""
        outputs, name = self._computed(inputs, *weights.values()), next(iter(weights))
        if self._plan is None or self._plan.probe is None:
            return outputs
        return self._plan.probe(name.removesuffix(".weight"), outputs, self._plan.kinds[name].fan_out)

    def _computed(self, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.baddbmm(bias, inputs, weight.mT)


class Sum(Linear):
    """The same for one output, without a product of matrices: no padding, whose sums do not hang on the company. All
    B · I products of a lane are written out, which is why features must be few."""

    def _computed(self, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """x (K, B, I)   →   (K, B, 1)"""
        if inputs.shape[-1] == 1:
            return torch.addcmul(bias, inputs, weight)
        return (inputs * weight).sum(-1, keepdim=True) + bias


def _adds(kinds: Kinds) -> bool:
    outputs, features = next(iter(kinds.values())).shape
    return outputs == 1 and features <= FEW
