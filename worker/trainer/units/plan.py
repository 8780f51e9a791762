"""The plan of a group: all that its model's function depends on, besides the weights.  K lanes."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from unitscale.models.specs import Model
from unitscale.models.units import Alphas
from worker.trainer.units.operations import Casts
from worker.trainer.units.tables import Kinds, Table


class Probe(Protocol):
    """Sees the output of a layer, the first `features` of which are real, or all, and hands it on."""

    def __call__(self, name: str, output: Tensor, features: int | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Plan:
    """What K lanes have in common, and their alphas."""

    model: Model
    kinds: Kinds
    table: Table
    alphas: tuple[Alphas, ...]
    like: Tensor
    """Of the device and the numbers that the lanes compute with."""
    casts: Casts | None = None
    probe: Probe | None = None
    """Only where scales are measured."""
