"""From a spec as sent to the spec as it runs: every default and every `auto` filled in, the impossible refused."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from unitscale.errors import Unsupported
from unitscale.models import contexts, tokens, tuning
from unitscale.models.catalog import DATASETS, OF_TEXT, TRANSFORMERS, CatalogDataset, CatalogModel
from unitscale.models.datasets import Dataset, DatasetState, Volume
from unitscale.models.document import Document
from unitscale.models.growth import FEWEST_HALVED, growth, growth_checks
from unitscale.models.offers import BUILT_IN, Offer
from unitscale.models.specs import MOST_STEPS, Budget, JobSpec, Model
from unitscale.models.units import Alphas, BatchSchedule, Optimizer, Parametrization, Precision, Schedule, Units

Word = TypeVar("Word", bound=Document)

AUTO_BATCH = 32
EVALUATIONS_A_RUN = 10
COMPILED = ("transformer", "encoder")
"""Kinds that are worth being compiled."""
UNLIKE = ("encoder-decoder", "speech-encoder")
"""Kinds whose tensors are as long as what a batch happens to hold."""
SIDE = 8
"""Sizes that are multiples of this pick the same kernels for one lane as for many."""


def resolve(spec: JobSpec, device: str, uploaded: Dataset | None = None, offer: Offer = BUILT_IN) -> JobSpec:
    """The spec as it will run on `device`; `uploaded` is its data set where that is not the catalog's.

    Raises Unsupported, naming every field that asks for what cannot be done here.
    """
    spec = contexts.filled(tuning.asked(spec), uploaded, offer)
    _refuse(spec, uploaded, offer)
    task = offer.tasks[spec.task]
    dataset = spec.dataset or task.defaults["dataset"]
    volume = volume_of(uploaded) or offer.volume(dataset)
    model = _model(spec.model, offer.models[offer.kind(spec)])
    units = _units(spec, _examples(volume or DATASETS[dataset], model), offer)
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
    _refuse_all(offer.refusals(filled))
    return JobSpec.model_validate(filled.model_dump())


def settled(spec: JobSpec, volume: Volume | None, rate: float, batch: int) -> JobSpec:
    """A resolved spec once its units are tuned: as if it had come with these numbers."""
    batch = min(batch, training_examples(spec, volume))
    units = spec.units.model_copy(update={"learning_rate": rate, "batch_size": batch, "tune": (), "rule": None})
    return _with_evaluations(spec.model_copy(update={"units": units}), volume)


def volume_of(uploaded: Dataset | None) -> Volume | None:
    """How much an uploaded data set has to train on; None stands for the catalog's."""
    return uploaded.contents.volume if uploaded and uploaded.contents else None


def training_examples(spec: JobSpec, volume: Volume | None = None) -> int:
    """Examples of the training split that a resolved spec uses; `volume` is that of an uploaded data set."""
    return _used(_examples(volume or DATASETS[str(spec.dataset)], spec.model), spec.data.fraction)


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
    if spec.budget.tokens is not None:
        return math.ceil(examples_to_see(spec, volume) / int(spec.units.batch_size or 1))
    return int(spec.budget.epochs or 1) * math.ceil(training_examples(spec, volume) / int(spec.units.batch_size or 1))


def examples_to_see(spec: JobSpec, volume: Volume | None) -> int:
    """Examples of a resolved spec whose budget is epochs or tokens."""
    if spec.budget.tokens is not None:
        return math.ceil(spec.budget.tokens / int(spec.model.context or 1))
    return int(spec.budget.epochs or 1) * training_examples(spec, volume)


def _examples(row: Volume | CatalogDataset, model: Model) -> int:
    """Examples of a whole training split; of a text, windows as long as the model's context."""
    if row.training_tokens is not None:
        return (row.training_tokens - 1) // int(model.context or 1)
    return row.training_examples or 1


def _used(examples: int, fraction: float) -> int:
    return max(1, round(examples * fraction))


def _refuse_too_long(spec: JobSpec, volume: Volume | None) -> None:
    if (steps := total_steps(spec, volume)) > MOST_STEPS:
        detail = f"That is {steps:,} optimizer steps; a job has at most {MOST_STEPS:,}."
        length = "steps" if spec.budget.steps else "tokens" if spec.budget.tokens else "epochs"
        raise Unsupported(detail, ((f"/budget/{length}", detail),))


def _model(model: Model, entry: CatalogModel) -> Model:
    sizes: dict[str, Any] = {size: getattr(model, size) or default for size, default in entry.sizes.items()}
    return Model(kind=entry.kind, **sizes)


def _units(spec: JobSpec, examples: int, offer: Offer) -> Units:
    kind = offer.kind(spec)
    used = _used(examples, spec.data.fraction)
    filled: dict[str, Any] = {**_rate(spec, offer), "batch_size": min(_last_batch(spec, offer), used)}
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


def _auto_batch(spec: JobSpec, offer: Offer) -> int:
    return offer.tasks[spec.task].defaults.get("batch_size", AUTO_BATCH)


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
        return spec.model_copy(update={"batch_schedule": _filled(spec.batch_schedule, defaults)})
    defaults["initial_batch_size"] = min(last, max(FEWEST_HALVED, last // 8))
    diagnostics = spec.diagnostics.model_copy(update={"noise_scale": True})
    return spec.model_copy(
        update={"batch_schedule": _filled(spec.batch_schedule, defaults), "diagnostics": diagnostics}
    )


def _steps_at_last(spec: JobSpec, volume: Volume | None) -> int:
    """Steps of a run whose batches have their last size from the first."""
    return total_steps(spec.model_copy(update={"batch_schedule": BatchSchedule()}), volume)


def _with_evaluations(spec: JobSpec, volume: Volume | None) -> JobSpec:
    if "batch_size" in spec.units.tune and spec.budget.steps is None:
        return spec  # how many steps there are is known once the batch is
    steps = _steps_at_last(spec, volume) if spec.batch_schedule.name == "noise-scale" else total_steps(spec, volume)
    every = spec.evaluation.every_steps or max(1, math.ceil(steps / EVALUATIONS_A_RUN))
    return spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"every_steps": every})})


def _refuse(spec: JobSpec, uploaded: Dataset | None, offer: Offer) -> None:
    _refuse_all(
        _unsupported_task(spec, offer)
        or _unsupported_dataset(spec, uploaded, offer)
        or [
            *tokens.unsupported(spec, uploaded, offer.tasks[spec.task].defaults.get("tokenizer")),
            *_unsupported_model(spec, offer),
            *_unsupported_units(spec, offer),
        ]
    )


def _refuse_all(fields: Sequence[tuple[str, str]]) -> None:
    if fields:
        raise Unsupported("The spec asks for what this service cannot do: " + fields[0][1], tuple(fields))


def _unsupported_task(spec: JobSpec, offer: Offer) -> list[tuple[str, str]]:
    if spec.task not in offer.tasks:
        known = ", ".join(offer.tasks)
        return [("/task", f"{spec.task} cannot be trained here; choose one of: {known}.")]
    if spec.model.kind is not None and spec.model.kind not in offer.tasks[spec.task].models:
        known = ", ".join(offer.tasks[spec.task].models)
        return [("/model/kind", f"'{spec.model.kind}' does not fit {spec.task}; choose one of: {known}.")]
    return []


def _unsupported_dataset(spec: JobSpec, uploaded: Dataset | None, offer: Offer) -> list[tuple[str, str]]:
    if uploaded is not None:
        why = _unready(uploaded) or _other_task(spec, uploaded) or _too_short(spec, uploaded, offer)
        return [("/dataset", why)] if why else contexts.refusals(spec, uploaded, offer)
    if spec.dataset is not None and spec.dataset not in offer.tasks[spec.task].datasets:
        known = ", ".join(offer.tasks[spec.task].datasets) + "."
        return [("/dataset", f"There is no data set '{spec.dataset}' for {spec.task}; choose one of: {known}")]
    entry = offer.datasets[spec.dataset or offer.tasks[spec.task].defaults["dataset"]]
    known_sizes = [size for size in (entry.training_tokens, entry.held_out_tokens) if size is not None]
    why = _beyond(spec, offer, min(known_sizes), entry.name) if known_sizes else None
    return [("/model/context", why)] if why else contexts.refusals(spec, None, offer)


def _unready(uploaded: Dataset) -> str | None:
    if uploaded.state is DatasetState.CHECKING:
        return f"{uploaded.id} is still being checked; /v1/datasets/{uploaded.id}?wait=60 answers when it is ready."
    if uploaded.state is DatasetState.INVALID:
        return f"{uploaded.id} cannot be used: {uploaded.reason.message if uploaded.reason else 'it is invalid.'}"
    return None


def _other_task(spec: JobSpec, uploaded: Dataset) -> str | None:
    if uploaded.task == spec.task or {uploaded.task, spec.task} <= OF_TEXT:
        return None
    return f"{uploaded.id} was uploaded for {uploaded.task}, not for {spec.task}."


def _too_short(spec: JobSpec, uploaded: Dataset, offer: Offer) -> str | None:
    """A text must have a window of the model's context in each of its splits."""
    if uploaded.contents is None or uploaded.contents.volume.training_tokens is None:
        return None
    unit = "characters" if uploaded.contents.tokens is None else "tokens"
    return _beyond(spec, offer, min(uploaded.contents.splits.sizes), uploaded.id, unit)


def _beyond(spec: JobSpec, offer: Offer, shortest: int, name: str, unit: str = "characters") -> str | None:
    sizes = offer.models[offer.kind(spec)].sizes
    context = spec.model.context or sizes.get("context", 1)
    return (
        f"A split of {name} has {shortest} {unit}, too few for a context of {context}." if shortest <= context else None
    )


def _unsupported_model(spec: JobSpec, offer: Offer) -> list[tuple[str, str]]:
    kind = offer.kind(spec)
    entry = offer.models[kind]
    sizes = ("width", "depth", "channels", "head_size", "context", "memory_length")
    has_heads = entry.package is None and "head_size" in entry.sizes
    wrong = _unfit_sizes(spec.model, _model(spec.model, entry)) if has_heads else []
    return wrong + [
        (f"/model/{size}", f"{_a(kind)} has no {size}.")
        for size in sizes
        if getattr(spec.model, size) is not None and size not in entry.sizes
    ]


def _a(kind: str) -> str:
    """With its article, by how it is said."""
    return f"{'An' if kind[0] in 'aeio' or kind == 'mlp' else 'A'} {kind}"


def _unfit_sizes(said: Model, model: Model) -> list[tuple[str, str]]:
    """Sizes a transformer cannot have: heads share its width, and positions turn pairs of a head's numbers. Of width
    and head size, those that were said are to blame."""
    width, head = int(model.width or 0), int(model.head_size or 0)
    uneven = f"A width of {width} cannot be cut into heads of {head}: it must be a multiple of head_size."
    checks = (
        (width % SIDE != 0, "/model/width", f"The width of a transformer is a multiple of {SIDE}; {width} is not."),
        (head % 2 != 0, "/model/head_size", f"head_size is even; {head} is not."),
        (width % head != 0 and said.width is not None, "/model/width", uneven),
        (width % head != 0 and said.head_size is not None, "/model/head_size", uneven),
        (model.context == 1, "/model/context", "A context of 1 leaves nothing to attend to; give at least 2."),
    )
    return [(pointer, detail) for wrong, pointer, detail in checks if wrong]


def _parametrization_checks(spec: JobSpec, offer: Offer) -> list[tuple[bool, str, str]]:
    units, optimizer = spec.units, spec.optimizer.name
    name, kind = units.parametrization.value, offer.kind(spec)
    possible = [model for known, other, model in offer.rates if (known, other) == (optimizer, name)]
    alike = ", ".join(possible) if possible else "none: it has no learning rates for that optimizer; choose adamw"
    optimizers = list(dict.fromkeys(known for known, _, model in offer.rates if model == kind))
    no_rates = f"{_a(kind)} has no learning rates for {optimizer}; choose one of: {', '.join(optimizers)}."
    return [
        (optimizer not in optimizers, "/optimizer/name", no_rates),
        (
            optimizer in optimizers and kind not in possible,
            "/units/parametrization",
            f"{name} with {optimizer} is there for these models: {alike}.",
        ),
        (units.base_width is not None and name != "mup", "/units/base_width", "base_width belongs to mup."),
        (units.alphas is not None and name != "u-mup", "/units/alphas", "alphas belong to u-mup."),
        (
            units.alphas is not None and kind == "mlp",
            "/units/alphas",
            "alphas belong to transformers.",
        ),
    ]


def _precision_checks(spec: JobSpec, kind: str) -> list[tuple[bool, str, str]]:
    precision = spec.units.precision
    eight_bits = precision in {Precision.FP8, Precision.FP8_SIMULATED}
    hidden = f"{precision.value} is for hidden layers, which only transformer, encoder and mlp have"
    return [(eight_bits and kind not in {*TRANSFORMERS, "mlp"}, "/units/precision", f"{hidden}.")]


def _first_batch(spec: JobSpec, offer: Offer) -> float:
    grows, last = spec.batch_schedule.name != "constant", _last_batch(spec, offer)
    return float(spec.batch_schedule.initial_batch_size or max(1, last // 8)) if grows else last


def _last_batch(spec: JobSpec, offer: Offer) -> float:
    """The batch size, as far as it is known without the data: infinity stands for all of them."""
    size = spec.units.batch_size
    if isinstance(size, int):
        return size
    return _auto_batch(spec, offer) if size is None else math.inf


def _memory_checks(spec: JobSpec) -> list[tuple[bool, str, str]]:
    """A model with memory reads its text on from step to step, in as many places as its batch has examples."""
    remembers, constant = bool(spec.model.memory_length), spec.batch_schedule.name == "constant"
    cut = spec.units.micro_batch_size is not None
    return [
        (remembers and not constant, "/batch_schedule/name", "With memory_length the batch size is constant."),
        (remembers and cut, "/units/micro_batch_size", "With memory_length a batch is one pass."),
        (remembers and spec.resources.devices > 1, "/resources/devices", "With memory_length a job has one device."),
    ]


def _own_module_checks(spec: JobSpec, offer: Offer) -> list[tuple[bool, str, str]]:
    """What a plug-in's module holds and draws besides its weights is of one process, and of whole batches."""
    own, follows = offer.models[offer.kind(spec)].package is not None, spec.batch_schedule.name == "noise-scale"
    pointer = "/batch_schedule/name" if follows else "/diagnostics/noise_scale"
    measured, part = follows or spec.diagnostics.noise_scale, spec.units.micro_batch_size or math.inf
    twice = "A plug-in's module may count or draw, so noise is measured of parts that it sees anyway: give a smaller "
    return [
        (own and spec.resources.devices > 1, "/resources/devices", "A plug-in's model trains on one device."),
        (own and measured and part >= _first_batch(spec, offer), pointer, f"{twice}micro_batch_size."),
    ]


def _compile_checks(spec: JobSpec, offer: Offer) -> list[tuple[bool, str, str]]:
    """What is compiled is made for one shape, and takes seconds to be made for another."""
    field, kind = "/resources/compile", offer.kind(spec)
    several = spec.resources.devices > 1 or spec.batch_schedule.name != "constant"
    remembers, unlike = bool(spec.model.memory_length), kind in UNLIKE
    return [
        (spec.resources.compile and wrong, field, detail)
        for wrong, detail in (
            (
                unlike,
                f"{_a(kind)} would be compiled for every batch anew, as long as its texts are; leave compile out.",
            ),
            (kind not in {*COMPILED, *UNLIKE}, f"{_a(kind)} gains nothing from being compiled; leave compile out."),
            (several, "Only batches of one size on one device can be compiled; leave compile out."),
            (remembers, "With memory_length nothing can be compiled; leave compile out."),
        )
    ]


def _unsupported_units(spec: JobSpec, offer: Offer) -> list[tuple[str, str]]:
    checks = (
        *_precision_checks(spec, offer.kind(spec)),
        *_memory_checks(spec),
        *_own_module_checks(spec, offer),
        *_parametrization_checks(spec, offer),
        *growth_checks(spec, _last_batch(spec, offer)),
        *_compile_checks(spec, offer),
        *tuning.checks(spec),
        (
            spec.budget.tokens is not None and spec.task not in OF_TEXT,
            "/budget/tokens",
            f"{spec.task} has no tokens; give epochs or steps.",
        ),
    )
    return [(pointer, detail) for asked, pointer, detail in checks if asked]
