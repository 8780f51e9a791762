"""The model `highway`: layers that learn how much of their input they let pass (arXiv:1505.00387)."""

import math

import torch
from torch import Tensor, nn

from unitscale.models.catalog import CatalogModel
from unitscale.models.specs import Model
from worker.trainer.plugins import OwnModel


class HighwayNet(nn.Module):
    """An ordinary module: batch normalization and dropout work as anywhere else."""

    def __init__(self, features: int, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(features, width)
        self.layers = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(depth))
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(0.1)
        self.last = nn.Linear(width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, …) → (B, outputs)"""
        x = self.first(inputs.flatten(1))
        for layer in self.layers:
            change, gate = layer(x).chunk(2, -1)
            share = torch.sigmoid(gate - 1)
            x = share * torch.relu(change) + (1 - share) * x
        return self.last(self.dropout(self.norm(x)))


def make(model: Model, inputs: tuple[int, ...], outputs: int) -> HighwayNet:
    """The module for data of this shape. Its first numbers are drawn with the job's seed."""
    return HighwayNet(math.prod(inputs), int(model.width or 0), int(model.depth or 0), outputs)


HIGHWAY = OwnModel(
    entry=CatalogModel(
        kind="highway",
        tasks=("regression", "image-classification", "counting"),
        sizes={"width": 32, "depth": 2},
        content="`depth` gated layers of `width` features, batch normalization, dropout",
        learning_rates={"sgd": 0.05, "adamw": 3e-3},
    ),
    module=make,
)
