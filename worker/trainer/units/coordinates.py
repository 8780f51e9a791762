"""Coordinates: what stands between the gradients that training finds and those of plain layers.  K lanes."""

from collections.abc import Callable, Iterator, Mapping
from math import sqrt
from typing import Protocol

import torch
from torch import Tensor

from worker.trainer.engine.accumulation import Batch, Gradients
from worker.trainer.engine.gradients import gradients
from worker.trainer.engine.lengths import Coordinates
from worker.trainer.engine.weights import Weights
from worker.trainer.units.operations import true_gradients
from worker.trainer.units.tables import Kinds, Table

EXAMPLES = 8


class Batches(Protocol):
    """What a run sees."""

    def start(self, step: int) -> Iterator[Batch]: ...


Losses = Callable[[Batch, float], Tensor]


def coordinates(
    weights: Weights,
    losses: Losses,
    kinds: Kinds,
    table: Table,
    folds: Mapping[str, float],
    batches: Batches,
    rule: str,
) -> dict[str, Coordinates]:
    """Those of every weight, whatever their values."""
    distortions = _distortions(weights, losses, next(batches.start(1))) if table.unit_scaled else {}
    return {
        name: Coordinates(folds.get(name, table.multiplier(kind)), table.rate(kind, rule), distortions.get(name))
        for name, kind in kinds.items()
    }


def _distortions(weights: Weights, losses: Losses, batch: Batch) -> dict[str, Tensor]:
    """By how much backward passes with scales of their own exceed the true gradients, per root of the batch.

    Unit scaling multiplies the gradient of each weight by one number, which follows from shapes and alphas, and grows
    with the root of the batch. It is measured, on the first weights and a few examples, rather than derived once more
    for every model: both passes are there.
    """
    batch = batch[0][:, :EXAMPLES], batch[1][:, :EXAMPLES]
    found = _slopes(weights, losses, batch)
    with true_gradients():
        true = _slopes(weights, losses, batch)
    root = sqrt(batch[0].shape[1])
    return {name: _over(*both) / root for name, *both in zip(weights.named, found, true, strict=True)}


def _slopes(weights: Weights, losses: Losses, batch: Batch) -> Gradients:
    of_lanes = losses(batch, 1)
    return gradients(of_lanes, weights.leaves, torch.ones_like(of_lanes))


def _over(found: Tensor, true: Tensor) -> Tensor:
    """(K,): the number by which true gradients are multiplied; a lane at a time, so that none depends on another."""
    rows = [(f.flatten().double(), t.flatten().double()) for f, t in zip(found, true, strict=True)]
    return torch.stack([f.dot(t) / t.dot(t) if t.any() else t.new_ones(()) for f, t in rows])
