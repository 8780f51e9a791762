"""What a multilayer perceptron computes in parametrizations and formats of its own.

K lanes, B batch, I fan-in, O fan-out.
"""

import math
from collections.abc import Mapping

from torch import Tensor

from worker.trainer.units.operations import linear, scaled
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kind

GAIN = math.sqrt(2)
"""Of a unit-scaled ReLU: half of what comes in is zero, forward and backward."""
SPREAD = math.sqrt(8)
"""Deviation of the gradient 2(y − t) of a squared error, for unit normal y and t."""


class Perceptron:
    """Linear layers with bias, and ReLU between them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor, parts: float = 1) -> Tensor:
        """x (K, B, I) → (K, B, O)"""
        total = round(inputs.shape[1] * parts)
        names, x = list(weights), inputs
        for weight, bias in zip(names[::2], names[1::2], strict=True):
            x = self._layer(weights, weight, bias, x, total)
        if not self._plan.table.unit_scaled:
            return x
        wide = self._plan.kinds[names[-2]].fan_out
        return scaled(x, backward=total * (wide / math.sqrt(wide - 1) if wide > 1 else 1 / SPREAD))

    def _layer(self, weights: Mapping[str, Tensor], weight: str, bias: str, x: Tensor, total: int) -> Tensor:
        plan, kind = self._plan, self._plan.kinds[weight]
        casts = plan.casts if kind.kind is Kind.HIDDEN else None
        moved = weights[bias]
        if plan.table.unit_scaled:
            moved = scaled(moved, backward=1 / math.sqrt(total))
        if plan.probe is not None and kind.kind is Kind.READOUT:
            x = plan.probe("features", x, kind.fan_in)
        y = linear(x, weights[weight], plan.table.scales(kind, total), casts) + moved
        if plan.probe is not None:
            y = plan.probe(weight.removesuffix(".weight"), y, kind.fan_out)
        if kind.kind is Kind.READOUT:
            return y
        return y.relu() * GAIN if plan.table.unit_scaled else y.relu()

    def folds(self) -> dict[str, float]:
        """What each weight is multiplied by, to be a weight of plain layers."""
        table = self._plan.table
        before_relu = {Kind.INPUT, Kind.HIDDEN, Kind.BIAS} if table.unit_scaled else set[Kind]()
        return {
            name: table.multiplier(weight) * (GAIN if weight.kind in before_relu else 1.0)
            for name, weight in self._plan.kinds.items()
        }
