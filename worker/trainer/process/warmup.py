"""The rehearsal: a small job through the very same code, so that the first real one does nothing for the first time."""

import os
import tempfile
from pathlib import Path

from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.pipe import Lane, Train
from worker.trainer.catalog import DATASETS
from worker.trainer.data import cache
from worker.trainer.process.channel import Channel
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import train_group

SPEC = {
    "task": "regression",
    "dataset": "linear",
    "units": {"batch_size": "full"},
    "optimizer": {"name": "sgd"},
    "budget": {"steps": 100},  # with 3, the first job of a forked trainer still took 170 page faults, and 2 ms, more
}


def stock(library: Path) -> None:
    """Have every data set in the cache; those of plug-ins come when they are asked for."""
    for name, dataset in DATASETS.items():
        if dataset.fetch is None and dataset.kept_as is None:
            cache.load(library, name, dataset.make)


def rehearse(library: Path) -> None:
    """Train a line on the CPU, unheard."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with tempfile.TemporaryDirectory() as folder:
        spec = resolve(JobSpec.model_validate(SPEC), "cpu")
        lane = Lane(job="rehearsal", attempt=1, spec=spec, folder=folder)
        order = Train(lanes=(lane,))
        train_group(Train.model_validate_json(order.model_dump_json()), Channel(nowhere), Interrupt(), library)
    os.close(nowhere)
