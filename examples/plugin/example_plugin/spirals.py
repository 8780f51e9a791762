"""The data set `spirals`: how far out a point of a spiral with noise lies."""

import math

import torch
from torch import Tensor

from unitscale.models.catalog import CatalogDataset
from worker.trainer.data.dataset import Dataset
from worker.trainer.plugins import OwnDataset

SEED, TRAINING, HELD_OUT = 7, 600, 150


def make() -> dict[str, Tensor]:
    """Points (N, 2) in random order, and their distance along the spiral (N, 1). The last ones are held out."""
    generator = torch.Generator().manual_seed(SEED)
    turns = torch.rand(TRAINING + 2 * HELD_OUT, 1, generator=generator)
    angle, noise = 3 * math.pi * turns, torch.randn(len(turns), 2, generator=generator)
    return {"inputs": torch.cat((turns * angle.cos(), turns * angle.sin()), 1) + 0.01 * noise, "targets": turns}


SPIRALS = OwnDataset(
    entry=CatalogDataset(
        name="spirals",
        task="regression",
        content="points of a spiral, and how far along it they lie; made on the spot",
        licence="none needed",
        training_examples=TRAINING,
    ),
    rows=Dataset(make, validation=HELD_OUT, test=HELD_OUT),
)
