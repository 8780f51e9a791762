"""Prepared data: a data set made ready for a model, with what its outputs must be read by."""

from typing import Any, NamedTuple

from torch import Tensor

from worker.trainer.data.examples import Splits
from worker.trainer.data.pairs import Asked


class PreparedData(NamedTuple):
    """Standardized splits, and what `config.json` keeps of them: `inputs` (shape), `outputs` (count), statistics."""

    splits: Splits
    config: dict[str, Any]
    asked: tuple[Asked, Asked] | tuple[None, None] = (None, None)
    """Where a model writes: what it is asked at the end, of validation and test."""


def standard(tensor: Tensor, config: dict[str, Any], what: str) -> Tensor:
    """(tensor − mean) / deviation, along the last axis."""
    return (tensor - tensor.new_tensor(config[f"{what}_mean"])) / tensor.new_tensor(config[f"{what}_deviation"])
