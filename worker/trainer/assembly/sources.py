"""Where a job's examples come from: the catalog's data sets, or a team's own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from unitscale.errors import Impossible
from unitscale.models.datasets import Contents, Volume
from worker.trainer.catalog import DATASETS
from worker.trainer.data import cache
from worker.trainer.data import uploaded as uploads
from worker.trainer.data.dataset import Corpus, Dataset, Pairs, Passages, Recordings

WHITE = 255.0


class Source(NamedTuple):
    """A data set's tensors, and how they are read."""

    row: Dataset
    tensors: dict[str, Tensor]
    volume: Volume | None
    """How much there is to train on; None stands for what the catalog says."""


@dataclass(frozen=True)
class Own(Dataset):
    """A team's own examples, and what is known of them."""

    known: dict[str, Any] = field(default_factory=dict)

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        return {**super().facts(tensors), **self.known}


def bundled(name: str, library: Path) -> Source:
    """A data set of the catalog."""
    if name not in DATASETS:
        raise Impossible(f"This worker knows no data set '{name}'; install the package that brings it.")
    row = DATASETS[name]
    tensors = cache.load(library, row.kept_as or name, row.make)
    row.check(tensors)
    return Source(row, tensors, row.volume)


def uploaded(folder: Path) -> Source:
    """A data set that was uploaded and checked. Raises BadDataset."""
    contents = uploads.contents_of(folder)
    return Source(_row(contents), uploads.load(folder), contents.volume)


def _row(contents: Contents) -> Dataset:
    held_out = {"make": dict, "validation": contents.splits.validation, "test": contents.splits.test}
    if contents.volume.training_tokens is not None:
        return Corpus(**held_out)
    if contents.rate is not None:
        return Recordings(**held_out)
    if contents.with_context is not None:
        return Passages(**held_out) if contents.with_context else Pairs(**held_out)
    if contents.classes:
        return Own(**held_out, known={"classes": contents.classes, "white": WHITE})
    return Own(**held_out, known={"columns": contents.columns, "target": contents.target})
