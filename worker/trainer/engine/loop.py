"""Training, one page.  K lanes.

batch ~ data,   L = losses(weights, batch),   θ ← θ − η(t) · update(∇θ L)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.trainer.engine.accumulation import Accumulation, Batch
from worker.trainer.engine.gradients import gradients
from worker.trainer.engine.noise import Noise
from worker.trainer.engine.optimizer import Optimizer
from worker.trainer.engine.ranks import Ranks
from worker.trainer.engine.scaling import Scaled
from worker.trainer.engine.weights import Weights

Observer = Callable[[int, Tensor], None]


@dataclass(frozen=True)
class Learner:
    """What learns: its weights, the losses (K,) of a batch under them, and how they change."""

    weights: Weights
    losses: Callable[[Batch], Tensor]
    optimizer: Optimizer
    accumulation: Accumulation | None = None
    """How losses and gradients are found where a batch is too large for one pass, or shared by several ranks."""
    noise: Noise | None = None
    """Where the noise of the gradients is measured."""
    ranks: Ranks | None = None
    """Where a job has several devices."""
    scaled: Scaled | None = None
    """The optimizer, where it wants the gradients of scaled losses."""

    def gradients_at(self, step: int, batch: Batch, ones: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Losses (K,) of a batch, and the gradients of the leaves, measured where a step asks for it."""
        ones = ones if self.scaled is None else self.scaled.scale
        if self.noise is not None and self.noise.is_due(step):
            return self.noise.gradients(step, batch, ones, self.gradients)
        return self.gradients(batch, ones)

    def gradients(self, batch: Batch, ones: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Losses (K,) of a batch, and the gradients of the leaves."""
        ones = ones if self.scaled is None else self.scaled.scale
        if self.accumulation is not None:
            return self.accumulation(batch, self.weights.leaves, ones)
        losses = self.losses(batch)
        return losses.detach(), gradients(losses, self.weights.leaves, ones)


def train(learner: Learner, batches: Iterator[Batch], first: int, last: int, observe: Observer) -> None:
    """Take the optimizer steps `first` to `last`, showing `observe` the losses of each.

    The losses shown are detached and still on the device; reading them makes host and GPU wait for each other, so the
    observer chooses when. To stop, it raises. A lane's loss depends on its own weights alone, so one backward pass
    through all the losses gives each lane its own gradient.
    """
    weights, ones = learner.weights, torch.ones(len(learner.weights.values), device=learner.weights.values.device)
    for step in range(first, last + 1):
        losses, slopes = learner.gradients_at(step, next(batches), ones)
        weights.take(slopes)
        if learner.ranks is not None:
            learner.ranks.step(losses, weights.gradients)
            if learner.noise is not None:
                learner.noise.conclude(learner.ranks)
        learner.optimizer.step(step)
        observe(step, losses)
