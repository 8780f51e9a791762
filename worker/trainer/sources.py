"""Where a job's examples come from: the catalog's data sets, or a team's own.  N examples."""

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from worker.trainer.catalog import DATASETS
from worker.trainer.data import cache
from worker.trainer.data import uploaded as uploads

WHITE = 255.0


class Source(NamedTuple):
    """Examples in their final order: training, validation, test."""

    tensors: tuple[Tensor, Tensor]
    """Inputs (N, …) and targets (N, …)."""
    validation: int
    test: int
    standardized: bool
    words: dict[str, Any]
    """What `config.json` says of this data set in place of what its task would."""

    @property
    def training(self) -> int:
        """Examples of the whole training split."""
        return len(self.tensors[0]) - self.validation - self.test


def bundled(name: str, library: Path) -> Source:
    """A data set of the catalog."""
    dataset, tensors = DATASETS[name], cache.load(library, name, DATASETS[name].make)
    pair = (tensors["inputs"], tensors["targets"])
    return Source(pair, dataset.validation, dataset.test, dataset.standardized, {})


def uploaded(folder: Path) -> Source:
    """A data set that was uploaded and checked. Raises BadDataset."""
    contents, tensors = uploads.contents_of(folder), uploads.load(folder)
    words: dict[str, Any] = {"columns": contents.columns, "target": contents.target}
    if contents.classes:
        words = {"classes": contents.classes, "outputs": len(contents.classes), "white": WHITE}
    pair = (tensors["inputs"], tensors["targets"])
    return Source(pair, contents.splits.validation, contents.splits.test, True, words)
