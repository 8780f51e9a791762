"""Puts the bundled data sets into the cache, as tensors: what `make data` runs.

    python -m worker.prefetch

A worker does the same when it starts; after this, it finds them there.
"""

import sys

from unitscale.wire.settings import Settings
from worker.trainer.catalog import DATASETS
from worker.trainer.data import cache


def main() -> None:
    """Fill the cache below the data directory, saying how it goes."""
    folder = Settings.of_environment().data_folder / "cache"
    for name, dataset in DATASETS.items():
        tensors = cache.load(folder, name, dataset.make)
        sys.stdout.write(f"{name:<10} {len(tensors['targets']):>6,} examples\n")
    sys.stdout.write(f"All are in {folder}.\n")


if __name__ == "__main__":
    main()
