"""From a spec as sent to the spec as it runs: every default and every `auto` filled in."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from unitscale.errors import Unsupported
from unitscale.models import contexts, tokens, tuning
from unitscale.models.catalog import DATASETS, TRANSFORMERS, CatalogDataset
from unitscale.models.datasets import Dataset, Volume
from unitscale.models.document import Document
from unitscale.models.growth import FEWEST_HALVED, growth
from unitscale.models.offers import BUILT_IN, Offer
from unitscale.models.refusals import last_batch, refuse, refuse_all, sized
from unitscale.models.specs import MOST_STEPS, Budget, JobSpec, Model
from unitscale.models.units import Alphas, BatchSchedule, Optimizer, Parametrization, Schedule, Units

Word = TypeVar("Word", bound=Document)

EVALUATIONS_A_RUN = 10


def resolve(spec: JobSpec, device: str, uploaded: Dataset | None = None, offer: Offer = BUILT_IN) -> JobSpec:
    """The spec as it will run on `device`; `uploaded` is its data set where that is not the catalog's.

    Raises Unsupported, naming every field that asks for what cannot be done here.
    """
    spec = contexts.filled(tuning.asked(spec), uploaded, offer)
    refuse(spec, uploaded, offer)
    task = offer.tasks[spec.task]
    dataset = spec.dataset or task.defaults["dataset"]
    volume = volume_of(uploaded) or offer.volume(dataset)
    model = sized(spec.model, offer.models[offer.kind(spec)])
    units = _units(spec, _used(volume or DATASETS[dataset], model, spec.data.fraction), model, offer)
    budget = _budget(spec.budget, task.defaults)
    filled = spec.model_copy(
        update={
            "dataset": dataset,
            "data": tokens.filled(spec.data, task.defaults),
            "model": model,
            "units": units,
            "optimizer": _optimizer(_under(spec.optimizer, task.defaults.get("optimizer", {}))),
            "schedule": _schedule(_under(spec.schedule, task.defaults.get("schedule", {}))),
            "budget": budget,
            "resources": spec.resources.model_copy(update={"device": device}),
        }
    )
    filled = _with_evaluations(_with_growth(filled, volume), volume)
    _refuse_too_long(filled, volume)
    refuse_all(offer.refusals(filled))
    return JobSpec.model_validate(filled.model_dump())


def settled(spec: JobSpec, volume: Volume | None, rate: float, batch: int) -> JobSpec:
    """A resolved spec once its units are tuned: as if it had come with these numbers."""
    batch = _batch(batch, training_examples(spec, volume), spec.model)
    units = spec.units.model_copy(update={"learning_rate": rate, "batch_size": batch, "tune": (), "rule": None})
    return _with_evaluations(spec.model_copy(update={"units": units}), volume)


def volume_of(uploaded: Dataset | None) -> Volume | None:
    """How much an uploaded data set has to train on; None stands for the catalog's."""
    return uploaded.contents.volume if uploaded and uploaded.contents else None


def training_examples(spec: JobSpec, volume: Volume | None = None) -> int:
    """Examples of the training split that a resolved spec uses; `volume` is that of an uploaded data set."""
    return _used(volume or DATASETS[str(spec.dataset)], spec.model, spec.data.fraction)


def total_steps(spec: JobSpec, volume: Volume | None = None) -> int:
    """Optimizer steps of a resolved spec. The last batch of an epoch is the smaller rest, and counts as a step.

    Of batches that follow the noise scale, where the budget is no number of steps: the most that they may take.
    """
    if spec.budget.steps is not None:
        return spec.budget.steps
    grows = growth(spec)
    if grows is not None:
        return grows.steps(examples_to_see(spec, volume))
    if spec.batch_schedule.name == "noise-scale":
        return math.ceil(examples_to_see(spec, volume) / int(spec.batch_schedule.initial_batch_size or 1))
    examples, batch = training_examples(spec, volume), int(spec.units.batch_size or 1)
    epochs, rest = divmod(examples_to_see(spec, volume), examples)
    return epochs * math.ceil(examples / batch) + _first_steps(rest, examples, batch, spec.model)


def _first_steps(seen: int, examples: int, batch: int, model: Model) -> int:
    """Steps of an epoch until so many of its examples are seen; see the trainer's `Streams` for a model with memory,
    whose first batches are the largest ones by one example."""
    if not model.memory_length:
        return math.ceil(seen / batch)
    smaller, larger = divmod(examples, math.ceil(examples / batch))
    if seen <= larger * (smaller + 1):
        return math.ceil(seen / (smaller + 1))
    return larger + math.ceil((seen - larger * (smaller + 1)) / smaller)


def examples_to_see(spec: JobSpec, volume: Volume | None) -> int:
    """Examples of a resolved spec whose budget is epochs or tokens."""
    if spec.budget.tokens is not None:
        return math.ceil(spec.budget.tokens / int(spec.model.context or 1))
    return int(spec.budget.epochs or 1) * training_examples(spec, volume)


def _used(row: Volume | CatalogDataset, model: Model, fraction: float) -> int:
    """Examples of the part of a training split that is used; of a text, windows as long as the model's context."""
    if row.training_tokens is None:
        return max(1, round((row.training_examples or 1) * fraction))
    context = int(model.context or 1)
    return (max(context + 1, round(row.training_tokens * fraction)) - 1) // context


def _batch(size: float, examples: int, model: Model) -> int:
    """At most all examples; of a model with memory, as many places as a text of so many windows is read in."""
    batch = int(min(size, examples))
    return math.ceil(examples / math.ceil(examples / batch)) if model.memory_length else batch


def _refuse_too_long(spec: JobSpec, volume: Volume | None) -> None:
    if (steps := total_steps(spec, volume)) > MOST_STEPS:
        detail = f"That is {steps:,} optimizer steps; a job has at most {MOST_STEPS:,}."
        length = "steps" if spec.budget.steps else "tokens" if spec.budget.tokens else "epochs"
        raise Unsupported(detail, ((f"/budget/{length}", detail),))


def _units(spec: JobSpec, examples: int, model: Model, offer: Offer) -> Units:
    kind, batch = offer.kind(spec), _batch(last_batch(spec, offer), examples, model)
    filled: dict[str, Any] = {**_rate(spec, offer), "batch_size": batch}
    if spec.units.parametrization is Parametrization.MUP and spec.units.base_width is None:
        filled["base_width"] = offer.models[kind].sizes["width"]
    has_alphas = spec.units.parametrization is Parametrization.UMUP and kind in TRANSFORMERS
    if has_alphas and spec.units.alphas is None:
        filled["alphas"] = Alphas()
    return spec.units.model_copy(update=filled)


def _rate(spec: JobSpec, offer: Offer) -> dict[str, Any]:
    """The rate, or where tuning starts."""
    kind, units = offer.kind(spec), spec.units
    usual = offer.rates[spec.optimizer.name, units.parametrization.value, kind]
    if "learning_rate" in units.tune:
        return tuning.start(spec, usual, offer.models[kind].sizes.get("width"))
    return {"learning_rate": units.learning_rate or usual}


def _optimizer(optimizer: Optimizer) -> Optimizer:
    defaults: dict[str, Any] = {"momentum": 0.0} if optimizer.name == "sgd" else {"betas": (0.9, 0.999), "eps": 1e-8}
    return _filled(optimizer, defaults)


def _under(word: Word, defaults: Mapping[str, Any]) -> Word:
    """A document with a task's own defaults under what its caller said; who names another kind gets none of them."""
    said = {field: getattr(word, field) for field in word.model_fields_set}
    alike = "name" not in said or said["name"] == defaults.get("name", said["name"])
    return type(word).model_validate({**defaults, **said}) if alike else word


def _filled(word: Word, defaults: Mapping[str, Any]) -> Word:
    """A document with its defaults where it says nothing."""
    return word.model_copy(update={field: value for field, value in defaults.items() if getattr(word, field) is None})


def _schedule(schedule: Schedule) -> Schedule:
    defaults: dict[str, float] = {} if schedule.name == "constant" else {"final_fraction": 0.1}
    if schedule.name == "wsd":
        defaults["decay_fraction"] = 0.2
    if schedule.name == "plateau":
        defaults |= {"factor": 0.5, "patience": 2}
    return _filled(schedule, defaults)


def _budget(budget: Budget, defaults: Mapping[str, Any]) -> Budget:
    if budget.epochs or budget.steps or budget.tokens:
        return budget
    return budget.model_copy(update={length: defaults[length] for length in ("epochs", "steps") if length in defaults})


def _with_growth(spec: JobSpec, volume: Volume | None) -> JobSpec:
    """With the defaults of a batch that grows; where it follows the noise scale, that is measured."""
    name, last = spec.batch_schedule.name, int(spec.units.batch_size or 1)
    if name == "constant":
        return spec
    defaults: dict[str, Any] = {"initial_batch_size": max(1, last // 8), "rate_follows": "keep"}
    if name == "ramp":
        defaults["ramp_steps"] = max(1, _steps_at_last(spec, volume) // 5)
        return spec.model_copy(update={"batch_schedule": _grown(spec.batch_schedule, defaults, last)})
    defaults["initial_batch_size"] = min(last, max(FEWEST_HALVED, last // 8))
    diagnostics = spec.diagnostics.model_copy(update={"noise_scale": True})
    grown = _grown(spec.batch_schedule, defaults, last)
    return spec.model_copy(update={"batch_schedule": grown, "diagnostics": diagnostics})


def _grown(schedule: BatchSchedule, defaults: Mapping[str, Any], last: int) -> BatchSchedule:
    """Filled in; where the data cut the last batch, the first is cut as well."""
    filled = _filled(schedule, defaults)
    return filled.model_copy(update={"initial_batch_size": min(int(filled.initial_batch_size or 1), last)})


def _steps_at_last(spec: JobSpec, volume: Volume | None) -> int:
    """Steps of a run whose batches have their last size from the first."""
    return total_steps(spec.model_copy(update={"batch_schedule": BatchSchedule()}), volume)


def _with_evaluations(spec: JobSpec, volume: Volume | None) -> JobSpec:
    if "batch_size" in spec.units.tune and spec.budget.steps is None:
        return spec  # how many steps there are is known once the batch is
    steps = _steps_at_last(spec, volume) if spec.batch_schedule.name == "noise-scale" else total_steps(spec, volume)
    every = spec.evaluation.every_steps or max(1, math.ceil(steps / EVALUATIONS_A_RUN))
    return spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"every_steps": every})})
