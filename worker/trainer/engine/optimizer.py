"""Optimizers whose rate, decay and clipping are each lane's own.  K lanes, P numbers of one lane."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from unitscale.models.specs import JobSpec
from unitscale.models.units import Parametrization
from worker.trainer.engine.schedules import Rates
from worker.trainer.engine.weights import Weights

Shares = Mapping[str, float]
"""Name → the weight's learning rate over the lane's; 1 where it is not named."""


class Optimizer(Protocol):
    """How weights change."""

    state: dict[str, Tensor]
    """Name → (K, P): with the weights, all that the next step depends on."""

    def step(self, step: int) -> None: ...


class SGD:
    """g ← g + λθ;  v ← μv + g;  θ ← θ − ηv"""

    def __init__(self, weights: Weights, specs: Sequence[JobSpec], rates: Rates, shares: Shares) -> None:
        self._weights, self._rates = weights, rates
        self._shares = _row(weights, shares)
        self._clip = Clip(weights, specs)
        self._decay = _column(weights, [spec.optimizer.weight_decay for spec in specs])
        self._momentum = _column(weights, [spec.optimizer.momentum or 0.0 for spec in specs])
        self.state = {} if self._momentum is None else {"velocity": torch.zeros_like(weights.values)}

    def step(self, step: int) -> None:
        values, update = self._weights.values, self._weights.gradients
        self._clip()
        if self._decay is not None:
            update.addcmul_(values, self._decay)
        if self._momentum is not None:
            update = self.state["velocity"].mul_(self._momentum).add_(update)
        if self._shares is not None:
            update = update * self._shares
        values.addcmul_(update, self._rates.column(step), value=-1)


class AdamW:
    """Adam with decoupled decay (arXiv:1711.05101), one fused kernel a lane and share of the learning rate.

    Under u-μP decay is independent: θ shrinks by λ a step, on the schedule but whatever the learning rate.
    """

    def __init__(self, weights: Weights, specs: Sequence[JobSpec], rates: Rates, shares: Shares) -> None:
        self._rates = rates
        self._clip = Clip(weights, specs)
        self.state = {
            "first_moment": torch.zeros_like(weights.values),
            "second_moment": torch.zeros_like(weights.values),
        }
        rows = (weights.values, weights.gradients, *self.state.values())
        self._groups = [
            (lane, share, [[tensor[lane, part] for part in parts] for tensor in rows], _adamw_rule(spec, share))
            for lane, spec in enumerate(specs)
            for share, parts in _stretches(weights, shares).items()
        ]
        self._steps = [torch.zeros((), device=weights.values.device)] * max(len(group[2][0]) for group in self._groups)

    def step(self, step: int) -> None:
        self._clip()
        self._steps[0].fill_(step)
        rates = self._rates.floats(step)
        for lane, share, rows, rule in self._groups:
            steps, rate = self._steps[: len(rows[0])], rates[lane] * share
            torch._fused_adamw_(*rows, [], steps, lr=rate, amsgrad=False, maximize=False, **rule)


class Clip:
    """Scales a lane's gradient down to its largest allowed 2-norm."""

    def __init__(self, weights: Weights, specs: Sequence[JobSpec]) -> None:
        self._gradients = weights.gradients
        norms = [spec.optimizer.clip_norm for spec in specs]
        device = weights.values.device
        self._norm = torch.tensor([[norm or 1.0] for norm in norms], device=device) if any(norms) else None
        self._free = torch.tensor([[norm is None] for norm in norms], device=device)

    def __call__(self) -> None:
        if self._norm is None:
            return
        rows = self._gradients
        norm = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        factor = (self._norm / (norm + 1e-6)).clamp_(max=1)
        rows.mul_(factor.masked_fill_(self._free, 1))


RULES = {"sgd": SGD, "adamw": AdamW}


def optimizer(weights: Weights, specs: Sequence[JobSpec], rates: Rates, shares: Shares | None = None) -> Optimizer:
    """The optimizer that the specs, which agree in its name, ask for."""
    return RULES[specs[0].optimizer.name](weights, specs, rates, shares or {})


def _stretches(weights: Weights, shares: Shares) -> dict[float, list[slice]]:
    """Share → the parts of a row that have it; neighbours of one share are one part."""
    stretches: dict[float, list[slice]] = {}
    before = None
    for name, part in weights.parts.items():
        share = shares.get(name, 1.0)
        parts = stretches.setdefault(share, [])
        first = parts.pop().start if share == before else part.start
        parts.append(slice(first, part.stop))
        before = share
    return stretches


def _row(weights: Weights, shares: Shares) -> Tensor | None:
    """Each number's share (P,); None where all are 1, so that nothing is computed for nothing."""
    stretches = _stretches(weights, shares)
    if stretches.keys() == {1.0}:
        return None
    row = torch.ones_like(weights.values[0])
    for share, parts in stretches.items():
        for part in parts:
            row[part] = share
    return row


def _column(weights: Weights, numbers: list[float]) -> Tensor | None:
    """(K, 1); None where every number is 0, so that nothing is computed for nothing."""
    return torch.tensor(numbers, device=weights.values.device).unsqueeze(1) if any(numbers) else None


def _adamw_rule(spec: JobSpec, share: float) -> dict[str, float]:
    beta1, beta2 = spec.optimizer.betas or (0.9, 0.999)
    decay = spec.optimizer.weight_decay
    if decay and spec.units.parametrization is Parametrization.UMUP:
        decay /= float(spec.units.learning_rate) * share
    return {
        "beta1": beta1,
        "beta2": beta2,
        "eps": spec.optimizer.eps or 1e-8,
        "weight_decay": decay,
    }
