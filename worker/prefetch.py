"""Downloads the data sets that no installation has, and puts all into the cache, as tensors: what `make data` runs.

python -m worker.prefetch
"""

import sys
from collections.abc import Mapping, Sized

from unitscale.errors import BadDataset
from unitscale.wire.settings import Settings
from worker.trainer import plugins
from worker.trainer.catalog import DATASETS
from worker.trainer.data import cache


def main() -> None:
    """Fill the cache below the data directory, saying how it goes."""
    folder = Settings.of_environment().data_folder / "cache"
    for broken in plugins.install().broken:
        sys.stdout.write(f"{broken.entry_point} is broken: {broken.problem}\n")
    for name, dataset in DATASETS.items():
        try:
            tensors = cache.load(folder, dataset.kept_as or name, dataset.fetch or dataset.make)
        except BadDataset as error:
            sys.stdout.write(f"{name:<16} is missing: {error.message}\n")
        else:
            sys.stdout.write(f"{name:<16} {_size(tensors):>22}\n")
    sys.stdout.write(f"All that is here is in {folder}.\n")


def _size(tensors: Mapping[str, Sized]) -> str:
    if "tokens" in tensors:
        return f"{len(tensors['tokens']):,} characters"
    return f"{len(tensors['ends' if 'ends' in tensors else 'targets']):,} examples"


if __name__ == "__main__":
    main()
