"""Loss scaling: what keeps the small gradients of fp16 from becoming zero.  K lanes.

    g = ∂(s · L)/∂θ / s;   where g is no number: no step, and s ← s/2;   after 2,000 steps in a row: s ← 2s

Every lane has a scale of its own, and nothing of it ever leaves the device. A step that is skipped counts as a step.

Source: mixed precision training, arXiv:1710.03740.
"""

import torch
from torch import Tensor

from worker.trainer.engine.optimizer import Optimizer
from worker.trainer.engine.weights import Weights

FIRST, SMALLEST, LARGEST = 2.0**16, 1.0, 2.0**24
PATIENCE = 2000


class Scaled:
    """An optimizer whose gradients come from scaled losses. Its scales are part of its state."""

    def __init__(self, weights: Weights, inner: Optimizer) -> None:
        self._weights, self._inner = weights, inner
        lanes, device = len(weights.values), weights.values.device
        self.scale = torch.full((lanes,), FIRST, device=device)
        """What each lane's loss is multiplied by, backward."""
        self._good = torch.zeros(lanes, device=device)
        self.state = {**inner.state, "loss_scale": self.scale, "good_steps": self._good}

    def step(self, step: int) -> None:
        gradients = self._weights.gradients
        gradients.div_(self.scale.unsqueeze(1))
        lost = ~gradients.isfinite().all(1)
        gradients.masked_fill_(lost.unsqueeze(1), 0)
        changing = (self._weights.values, *self._inner.state.values())
        before = [tensor.clone() for tensor in changing]
        self._inner.step(step)
        for tensor, kept in zip(changing, before, strict=True):
            tensor.copy_(torch.where(lost.unsqueeze(1), kept, tensor))
        self._adjust(lost)

    def _adjust(self, lost: Tensor) -> None:
        self._good.add_(1).masked_fill_(lost, 0)
        grown = self._good >= PATIENCE
        self.scale.mul_(1 + grown.float() - 0.5 * lost.float()).clamp_(SMALLEST, LARGEST)
        self._good.masked_fill_(grown, 0)
