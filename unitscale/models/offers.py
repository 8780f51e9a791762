"""What can be asked for here: the catalog, what installed plug-ins add to it, and what the connected workers can do."""

from collections.abc import Iterable, Mapping, Sequence

from unitscale.models.catalog import (
    CATALOG,
    DATASETS,
    LEARNING_RATES,
    MODELS,
    TASKS,
    Catalog,
    CatalogDataset,
    CatalogModel,
    CatalogTask,
)
from unitscale.models.datasets import Volume, is_uploaded
from unitscale.models.specs import JobSpec
from unitscale.models.units import Precision
from unitscale.models.workers import Abilities, Worker

NEEDS_GPU = {
    Precision.TF32: "tf32 needs an NVIDIA GPU of the Ampere generation or later (compute capability 8.0)",
    Precision.FP16_MIXED: "fp16-mixed needs an NVIDIA GPU: a CPU is 14 times slower in it than in fp32",
    Precision.FP8: "fp8 is for NVIDIA GPUs of the Ada or Hopper generation or later (compute capability 8.9); on a CPU "
    "fp8-simulated rounds to the same numbers, and takes less time",
}
"""Formats that not every machine computes in, and why."""

POINTERS = {"precisions": "/units/precision", "tasks": "/task", "models": "/model/kind", "datasets": "/dataset"}
"""The field of a spec that asks for an ability."""

Need = tuple[str, str]
"""A field of `Abilities`, and what must stand there."""


class Offer:
    """The catalog's tables with all that these workers bring. Without workers: what every installation has."""

    def __init__(self, workers: Sequence[Worker] = ()) -> None:
        self.workers = tuple(workers)
        self._said = [worker.abilities for worker in workers if worker.abilities is not None]
        plugins = [abilities.plugins for abilities in reversed(self._said)]  # of one name, the first worker's counts
        models = {model.kind: model for each in plugins for model in each.models} | MODELS
        datasets = {dataset.name: dataset for each in plugins for dataset in each.datasets} | DATASETS
        tasks = {str(task.name): task for each in plugins for task in each.tasks} | TASKS
        self.models: Mapping[str, CatalogModel] = models
        self.datasets: Mapping[str, CatalogDataset] = datasets
        self.tasks: Mapping[str, CatalogTask] = _joined(tasks, datasets, models)
        self.rates = {
            (str(optimizer), "sp", model.kind): rate
            for model in models.values()
            for optimizer, rate in (model.learning_rates or {}).items()
        } | LEARNING_RATES

    def catalog(self) -> Catalog:
        """What can be asked for, as callers see it."""
        there = {name for abilities in self._said for name in abilities.datasets}
        datasets = (
            each.model_copy(update={"available": each.name in there if self._said else None})
            for each in self.datasets.values()
        )
        return CATALOG.model_copy(
            update={
                "tasks": tuple(self.tasks.values()),
                "datasets": tuple(datasets),
                "models": tuple(self.models.values()),
                "precisions": self._precisions() if self._said else CATALOG.precisions,
            }
        )

    @property
    def priced(self) -> bool:
        """Whether any worker knows a price, as far as that is known."""
        return not self._said or len(self._said) < len(self.workers) or any("price" in a.measures for a in self._said)

    def unknown(self, spec: JobSpec) -> str | None:
        """Why it is not known whether this spec can be trained; None where it is known.

        What no installation has by itself may be what a plug-in brings to a worker that has not said so yet.
        """
        if self.workers and all(worker.abilities is not None for worker in self.workers):
            return None
        named = (
            ("task", spec.task, self.tasks),
            ("model", spec.model.kind, self.models),
            ("data set", None if is_uploaded(spec.dataset) else spec.dataset, self.datasets),
        )
        missing = [f"the {what} {name}" for what, name, there in named if name is not None and name not in there]
        if not missing:
            return None
        why = "a connected worker is still finding out what it can do" if self.workers else "no worker is connected yet"
        said = f"The built-in catalog does not have {' or '.join(missing)}"
        return f"{said}; whether a plug-in brings it is not known, since {why}."

    def kind(self, spec: JobSpec) -> str:
        """The kind of model that a spec asks for."""
        return str(spec.model.kind or self.tasks[spec.task].defaults["model"])

    def volume(self, dataset: str) -> Volume | None:
        """How much a plug-in's data set has to train on; None for all others."""
        entry = self.datasets.get(dataset)
        if entry is None or entry.package is None:
            return None
        return Volume(entry.training_examples, entry.training_tokens)

    def needs(self, spec: JobSpec) -> tuple[Need, ...]:
        """What a worker must be able to do for a spec, as far as not every worker is."""
        task = self.tasks.get(spec.task)
        if task is None:
            return ()
        model = self.models.get(self.kind(spec))
        dataset = self.datasets.get(str(spec.dataset or task.defaults["dataset"]))
        asked = (
            (spec.units.precision in NEEDS_GPU, ("precisions", spec.units.precision.value)),
            (task.package is not None, ("tasks", str(spec.task))),
            (model is not None and model.package is not None, ("models", self.kind(spec))),
            (
                dataset is not None and (dataset.package or dataset.brought_by) is not None,
                ("datasets", dataset.name if dataset else ""),
            ),
        )
        return tuple(need for needed, need in asked if needed)

    def device(self, spec: JobSpec) -> str:
        """Where a spec that leaves it open runs: on a GPU if one that is there can do it, else on a CPU."""
        if spec.resources.device != "auto":
            return spec.resources.device
        needs, devices = self.needs(spec), spec.resources.devices
        for device in ("cuda", "cpu"):
            if any(can(worker.abilities, needs) for worker in self._placed(device, devices)):
                return device
        return "cuda" if self._placed("cuda", devices) else "cpu"

    def refusals(self, spec: JobSpec) -> list[tuple[str, str]]:
        """What of a resolved spec no connected worker of its device can do: (JSON pointer, what could)."""
        needs, device = self.needs(spec), spec.resources.device
        workers = self._placed(device, spec.resources.devices)
        if not workers:
            return [_without_workers(name) for field, name in needs if field == "precisions" and device == "cpu"]
        if any(worker.abilities is None or can(worker.abilities, needs) for worker in workers):
            return []
        missing = [need for need in needs if not any(can(worker.abilities, [need]) for worker in workers)]
        if not missing:
            words = ", ".join(f"{name}" for _, name in needs)
            return [(POINTERS[needs[0][0]], f"No connected worker has all of this at once: {words}.")]
        return [(POINTERS[field], self._reason(field, name, workers, spec.task)) for field, name in missing]

    def _reason(self, field: str, name: str, workers: Sequence[Worker], task: str) -> str:
        if field == "precisions":
            return f"{NEEDS_GPU[Precision(name)]}; connected workers offer {', '.join(self._precisions(workers))}."
        brought = self.datasets[name].brought_by if field == "datasets" else None
        if brought:
            there = {dataset for worker in workers if worker.abilities for dataset in worker.abilities.datasets}
            others = [f"`{each}`" for each in self.tasks[task].datasets if each in there]
            now = f" What is there for {task}: {', '.join(others)} (`-o dataset={others[0][1:-1]}`)." if others else ""
            return f"No connected worker has the data set {name}; `{brought}` on a worker's machine brings it.{now}"
        what = {"datasets": "data set", "models": "model", "tasks": "task"}[field]
        where = f"{workers[0].device} worker"
        return f"No connected {where} has the {what} {name}; install the package that brings it there."

    def _precisions(self, workers: Sequence[Worker] | None = None) -> tuple[str, ...]:
        """Of these workers, or of all."""
        of = self._said if workers is None else [worker.abilities for worker in workers if worker.abilities]
        there = {name for abilities in of for name in abilities.precisions}
        return tuple(precision.value for precision in Precision if precision.value in there)

    def _placed(self, device: str, devices: int) -> list[Worker]:
        """Workers that have slots of this size."""
        return [
            worker
            for worker in self.workers
            if worker.device == device and any(len(slot.devices) == devices for slot in worker.slots)
        ]


def _joined(
    tasks: Mapping[str, CatalogTask], datasets: Mapping[str, CatalogDataset], models: Mapping[str, CatalogModel]
) -> dict[str, CatalogTask]:
    """Tasks with the data sets and models that plug-ins add to them; without those whose defaults are not there."""
    joined = dict[str, CatalogTask]()
    for name, task in tasks.items():
        added = [each.name for each in datasets.values() if each.package and each.task == name]
        fitting = [each.kind for each in models.values() if each.package and name in each.tasks]
        full = task.model_copy(
            update={
                "datasets": tuple(each for each in dict.fromkeys((*task.datasets, *sorted(added))) if each in datasets),
                "models": tuple(each for each in dict.fromkeys((*task.models, *sorted(fitting))) if each in models),
            }
        )
        if full.defaults.get("dataset") in full.datasets and full.defaults.get("model") in full.models:
            joined[name] = full
    return joined


def can(abilities: Abilities | None, needs: Iterable[Need]) -> bool:
    """Whether who has these abilities can do all of this."""
    has = abilities or Abilities()
    return all(name in getattr(has, field) for field, name in needs)


def _without_workers(precision: str) -> tuple[str, str]:
    detail = f"{NEEDS_GPU[Precision(precision)]}; a job with `resources.device: cuda` waits for one."
    return POINTERS["precisions"], detail


BUILT_IN = Offer()
"""What every installation has."""
