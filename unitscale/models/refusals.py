"""What a spec asks for that cannot be done, field by field, with what could."""

import math
from collections.abc import Sequence
from typing import Any

from unitscale.errors import Unsupported
from unitscale.models import contexts, tokens, tuning
from unitscale.models.catalog import OF_TEXT, TRANSFORMERS, CatalogModel
from unitscale.models.datasets import Dataset, DatasetState
from unitscale.models.growth import growth_checks
from unitscale.models.offers import Offer
from unitscale.models.specs import JobSpec, Model
from unitscale.models.units import Precision

AUTO_BATCH = 32
COMPILED = ("transformer", "encoder")
"""Kinds that are worth being compiled."""
UNLIKE = ("encoder-decoder", "speech-encoder")
"""Kinds whose tensors are as long as what a batch happens to hold."""
SIDE = 8
"""Sizes that are multiples of this pick the same kernels for one lane as for many."""


def refuse(spec: JobSpec, uploaded: Dataset | None, offer: Offer) -> None:
    """Raises Unsupported, naming every field that asks for what cannot be done."""
    refuse_all(
        _unsupported_task(spec, offer)
        or _unsupported_dataset(spec, uploaded, offer)
        or [
            *tokens.unsupported(spec, uploaded, offer.tasks[spec.task].defaults.get("tokenizer")),
            *_unsupported_model(spec, uploaded, offer),
            *_unsupported_units(spec, offer),
        ]
    )


def refuse_all(fields: Sequence[tuple[str, str]]) -> None:
    """Raises Unsupported for these (JSON pointer, why), unless there are none."""
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


def _unsupported_model(spec: JobSpec, uploaded: Dataset | None, offer: Offer) -> list[tuple[str, str]]:
    kind = offer.kind(spec)
    entry = offer.models[kind]
    sizes = ("width", "depth", "channels", "head_size", "context", "memory_length")
    has_heads = entry.package is None and "head_size" in entry.sizes
    wrong = _unfit_sizes(spec.model, sized(spec.model, entry)) if has_heads else []
    wrong += _unhalved(shape_of(spec, uploaded, offer), sized(spec.model, entry)) if kind == "convnet" else []
    return wrong + [
        (f"/model/{size}", f"{_a(kind)} has no {size}.")
        for size in sizes
        if getattr(spec.model, size) is not None and size not in entry.sizes
    ]


def shape_of(spec: JobSpec, uploaded: Dataset | None, offer: Offer) -> tuple[int, ...]:
    """Of one example of its data set; empty where it is not known, or differs."""
    if uploaded is not None:
        return uploaded.contents.shape if uploaded.contents else ()
    dataset = spec.dataset or offer.tasks[spec.task].defaults["dataset"]
    return offer.datasets[dataset].shape if dataset in offer.datasets else ()


def _unhalved(shape: tuple[int, ...], model: Model) -> list[tuple[str, str]]:
    """A convnet halves its images once a layer; at the end there must be a pixel."""
    if not shape or min(shape[:2]) >> int(model.depth or 0):
        return []
    often = min(shape[:2]).bit_length() - 1
    do = f"give at most {often}" if often else "choose an mlp"
    return [("/model/depth", f"Images of {shape[0]} × {shape[1]} pixels cannot be halved {model.depth} times; {do}.")]


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
    grows, last = spec.batch_schedule.name != "constant", last_batch(spec, offer)
    return float(spec.batch_schedule.initial_batch_size or max(1, last // 8)) if grows else last


def last_batch(spec: JobSpec, offer: Offer) -> float:
    """The batch size, as far as it is known without the data: infinity stands for all of them."""
    size = spec.units.batch_size
    if isinstance(size, int):
        return size
    return usual_batch(spec, offer) if size is None else math.inf


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
        *growth_checks(spec, last_batch(spec, offer)),
        *_compile_checks(spec, offer),
        *tuning.checks(spec),
        (
            spec.budget.tokens is not None and spec.task not in OF_TEXT,
            "/budget/tokens",
            f"{spec.task} has no tokens; give epochs or steps.",
        ),
    )
    return [(pointer, detail) for asked, pointer, detail in checks if asked]


def sized(model: Model, entry: CatalogModel) -> Model:
    """A model with the sizes that its caller leaves open."""
    sizes: dict[str, Any] = {size: getattr(model, size) or default for size, default in entry.sizes.items()}
    return Model(kind=entry.kind, **sizes)


def usual_batch(spec: JobSpec, offer: Offer) -> int:
    """The batch size of a spec that names none."""
    return offer.tasks[spec.task].defaults.get("batch_size", AUTO_BATCH)
