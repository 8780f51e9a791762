"""The tables that scikit-learn brings along, read without importing it (its import takes seconds)."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unitscale.errors import BadDataset


def table(name: str, delimiter: str | None) -> Tensor:
    """Rows of the numbers in a bundled `.csv.gz`."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise BadDataset(f"{name} comes with scikit-learn, which is not installed.")
    with gzip.open(Path(package.origin).parent / "datasets" / "data" / name, "rt") as lines:
        return torch.from_numpy(np.loadtxt(lines, delimiter=delimiter))


def shuffled(seed: int, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The same random order for all; `seed` belongs to the data set, never to a job."""
    order = torch.randperm(len(tensors[0]), generator=torch.Generator().manual_seed(seed))
    return tuple(tensor[order].contiguous() for tensor in tensors)
