"""What the trainers of this node can do: precisions by device, data sets, and what installed plug-ins bring.

    python -m worker.trainer.process.abilities CACHE DEVICE…

One line of JSON on stdout. A process of its own: to ask a GPU for its generation makes a context on it, which goes with
the process, and a plug-in that crashes crashes nobody else.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from unitscale.errors import BadDataset
from unitscale.models.catalog import Broken, Plugins
from unitscale.models.units import Precision
from unitscale.models.workers import Abilities
from worker.pipe import Found
from worker.trainer import plugins
from worker.trainer.catalog import DATASETS, MODELS, TASKS
from worker.trainer.data import cache
from worker.trainer.main import leave, take_stdout

ON_CPU = (Precision.FP32, Precision.BF16, Precision.BF16_MIXED, Precision.FP8_SIMULATED)
ON_GPU = {
    Precision.FP32: (0, 0),
    Precision.TF32: (8, 0),
    Precision.BF16: (0, 0),
    Precision.BF16_MIXED: (0, 0),
    Precision.FP16_MIXED: (7, 0),
    Precision.FP8: (8, 9),
    Precision.FP8_SIMULATED: (0, 0),
}
"""The first compute capability that has a format."""


def find(library: Path, devices: Sequence[str]) -> Found:
    """Look, make what can be made on the spot, and say."""
    brought = plugins.install(trace=True)
    files = {name: cache.file_of(library, row.kept_as or name).name for name, row in DATASETS.items()}
    made, broken = _made(library, brought)
    brought = brought.model_copy(update={"broken": (*brought.broken, *broken)})
    abilities = Abilities(
        precisions=tuple(precision.value for precision in _precisions(devices)),
        tasks=tuple(map(str, TASKS)),
        models=tuple(MODELS),
        datasets=made,
        plugins=brought,
    )
    fetched = {name: files[name] for name, row in DATASETS.items() if row.fetch is not None}
    return Found(abilities=abilities, fetched=fetched)


def _precisions(devices: Sequence[str]) -> list[Precision]:
    """What each of the devices can compute in."""
    if all(device.startswith("cpu") for device in devices):
        return list(ON_CPU)
    if not torch.cuda.is_available():
        return []
    lowest = min(torch.cuda.get_device_capability(device) for device in devices)
    return [precision for precision, first in ON_GPU.items() if lowest >= first]


def _made(library: Path, brought: Plugins) -> tuple[tuple[str, ...], list[Broken]]:
    """The data sets that are made on the spot, and those of plug-ins that turned out not to be."""
    packages = {entry.name: entry.package for entry in brought.datasets}
    made, broken = list[str](), list[Broken]()
    for name, row in DATASETS.items():
        if row.fetch is not None:
            continue
        try:
            row.check(cache.load(library, row.kept_as or name, row.make))
            made.append(name)
        except Exception as error:  # a data set that cannot be made is one that is not there
            traceback.print_exception(error)
            problem = error.message if isinstance(error, BadDataset) else f"{type(error).__name__}: {error}"
            point = f"unitscale.datasets: {name} ({packages.get(name, 'unitscale')})"
            broken.append(Broken(entry_point=point, problem=problem[:500]))
    return tuple(made), broken


if __name__ == "__main__":
    os.nice(5)  # the slots' trainers come first
    line = take_stdout()
    torch.set_num_threads(1)
    os.write(line, find(Path(sys.argv[1]), sys.argv[2:]).model_dump_json().encode() + b"\n")
    leave(0)
