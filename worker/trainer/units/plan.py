"""The plan of a group: all that its model's function depends on, besides the weights.  K lanes."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from unitscale.models.specs import Model
from unitscale.models.units import Alphas
from worker.trainer.units.operations import Casts
from worker.trainer.units.tables import Kinds, Table

Probe = Callable[[str, Tensor], Tensor]


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
    """Sees the output of each layer; only where scales are measured."""
