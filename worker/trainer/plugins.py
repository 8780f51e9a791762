"""Plug-ins: tasks, models and data sets that installed packages bring, one entry point each.

    [project.entry-points."unitscale.models"]
    highway = "acme_models:HIGHWAY"

The name of an entry point is the name in the catalog; what it leads to is an `OwnModel`, `OwnDataset` or `OwnTask`.
One that cannot be taken in is left out, with a word on why, and disturbs no other.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import torch
from torch import nn

from unitscale.models import specs
from unitscale.models.catalog import Broken, CatalogDataset, CatalogModel, CatalogTask, Plugins
from unitscale.models.datasets import Volume, is_uploaded
from worker.trainer.catalog import DATASETS, MODELS, TASKS
from worker.trainer.data.dataset import Dataset
from worker.trainer.engine.weights import Shapes
from worker.trainer.protocols import GeneratesText, Task
from worker.trainer.units.tables import Kind, Weight

SIZES = frozenset(specs.Model.model_fields) - {"kind", "memory_length"}


@dataclass(frozen=True)
class OwnModel:
    """A team's own `nn.Module`. It starts with the numbers it is made with, and trains as a lane of one."""

    entry: CatalogModel
    """Its `kind`, the tasks it fits, its sizes and learning rates with their defaults."""
    module: Callable[[specs.Model, tuple[int, ...], int], nn.Module]
    """(sizes, shape of one input, number of outputs) → the module, which turns inputs (B, …) into outputs (B, O)."""

    def layers(self, model: specs.Model, inputs: tuple[int, ...], outputs: int) -> nn.Module:
        with torch.device("cpu"):
            return self.module(model, inputs, outputs)

    def kinds(self, _model: specs.Model, shapes: Shapes) -> dict[str, Weight]:
        """Under SP, the one parametrization it has, all kinds learn alike."""
        return {name: Weight(Kind.HIDDEN if len(shape) > 1 else Kind.BIAS, shape) for name, shape in shapes.items()}


@dataclass(frozen=True)
class OwnDataset:
    """A team's own data set."""

    entry: CatalogDataset
    """Its name, its task, and how much there is in the training split."""
    rows: Dataset


@dataclass(frozen=True)
class OwnTask:
    """A team's own task."""

    entry: CatalogTask
    """Its name, and what a spec that names nothing else gets: `dataset`, `model`, and `epochs` or `steps`."""
    task: Task


@cache
def install(trace: bool = False) -> Plugins:
    """Add what installed packages bring to the tables of this process, once; what was added, and what could not be.

    `trace` writes to stderr where each error came from.
    """
    found: dict[str, list[Any]] = {"models": [], "datasets": [], "tasks": [], "broken": []}
    for kind, take in TAKERS.items():
        for point in sorted(entry_points(group=f"unitscale.{kind}"), key=_named):
            try:
                found[kind].append(take(point, point.load()))
            except (Exception, SystemExit) as error:  # whatever a package does when it is imported
                if trace:
                    traceback.print_exception(error)
                found["broken"].append(Broken(entry_point=_named(point), problem=_problem(error)))
    return Plugins.model_validate(found)


def _model(point: EntryPoint, own: Any) -> CatalogModel:
    entry = _checked(point, own, OwnModel, MODELS)
    if unknown := entry.sizes.keys() - SIZES:
        raise ValueError(f"a model has no size {', '.join(unknown)}; sizes are {', '.join(sorted(SIZES))}")
    if writing := [task for task in entry.tasks if isinstance(TASKS.get(task), GeneratesText)]:
        raise ValueError(f"what {', '.join(writing)} writes, models of the service alone can write")
    if not entry.learning_rates:
        raise ValueError("its entry needs learning_rates: a default for sgd, for adamw, or for both")
    MODELS[point.name] = own
    return entry.model_copy(update={"laned": False, "package": _package(point)})


def _dataset(point: EntryPoint, own: Any) -> CatalogDataset:
    entry = _checked(point, own, OwnDataset, DATASETS)
    if is_uploaded(point.name):
        raise ValueError("names that begin with ds_ belong to uploads")
    if (entry.training_examples is None) == (entry.training_tokens is None):
        raise ValueError("its entry needs training_examples or training_tokens, not both")
    volume = Volume(entry.training_examples, entry.training_tokens)
    kept_as = f"{point.name}-of-{_package(point).replace(' ', '-')}"
    DATASETS[point.name] = replace(own.rows, volume=volume, kept_as=kept_as)
    return entry.model_copy(update={"package": _package(point)})


def _task(point: EntryPoint, own: Any) -> CatalogTask:
    entry = _checked(point, own, OwnTask, TASKS)
    wanted = {"dataset", "model"}
    if not wanted <= entry.defaults.keys() or not {"epochs", "steps"} & entry.defaults.keys():
        raise ValueError("its entry needs the defaults dataset, model, and epochs or steps")
    missing = [verb for verb in VERBS if not callable(getattr(own.task, verb, None))]
    if missing:
        raise TypeError(f"its task has no {', '.join(missing)}")
    TASKS[point.name] = own.task
    return entry.model_copy(update={"package": _package(point)})


def _checked(point: EntryPoint, own: Any, kind: type, table: dict[str, Any]) -> Any:
    """The entry of a plug-in. Raises ValueError, TypeError."""
    if not isinstance(own, kind):
        raise TypeError(f"it leads to a value of type {type(own).__name__}, not {kind.__name__}")
    name = own.entry.kind if isinstance(own, OwnModel) else own.entry.name
    if name != point.name:
        raise ValueError(f"its entry is named {name}")
    if point.name in table:
        raise ValueError("the name is taken")
    return own.entry


TAKERS: dict[str, Callable[[EntryPoint, Any], Any]] = {"models": _model, "datasets": _dataset, "tasks": _task}
VERBS = [verb for verb, value in vars(Task).items() if callable(value) and not verb.startswith("_")]


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"


def _named(point: EntryPoint) -> str:
    return f"{point.group}: {point.name} ({_package(point)})"


def _problem(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
