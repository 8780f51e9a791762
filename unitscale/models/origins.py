"""Starting from another job's weights: which job can lend them, and what a spec takes over from it."""

from collections.abc import Sequence
from typing import Any

from unitscale.errors import Unsupported
from unitscale.models.branches import branched
from unitscale.models.jobs import Job, State
from unitscale.models.specs import Data, InitFrom, JobSpec
from unitscale.models.units import Units

SIZES = ("kind", "width", "depth", "channels", "head_size", "context", "memory_length")


def inherited(spec: JobSpec, origin: Job, steps: Sequence[int]) -> JobSpec:
    """The spec, with data set, tokens, model, parametrization and rate of its origin where it says nothing.

    `steps` are those of the origin's checkpoints. Raises Unsupported, naming every field that does not fit the origin.
    """
    wanted: InitFrom = spec.init_from or InitFrom(job=origin.id)
    if wanted.optimizer == "keep":
        wanted = wanted.model_copy(update={"step": wanted.step or _last(origin)})
        spec = branched(spec.model_copy(update={"init_from": wanted}), origin.spec)
    filled = spec.model_copy(
        update={
            "dataset": spec.dataset or origin.spec.dataset,
            "data": _data(spec, origin.spec),
            "model": spec.model.model_copy(update=_missing(spec.model, origin.spec.model)),
            "units": _units(spec.units, origin.spec.units),
        }
    )
    fields = (*_unavailable(wanted, origin, steps), *_unlike(filled, origin.spec))
    if fields:
        raise Unsupported(f"The spec cannot start from {origin.id}: {fields[0][1]}", fields)
    return filled


def check_shape(here: tuple[int, ...], there: tuple[int, ...], origin: str) -> None:
    """Whether examples have the shape that the origin's weights take, as far as both are known. Raises Unsupported."""
    if here and there and here != there:
        shapes = (" × ".join(map(str, shape)) for shape in (there, here))
        detail = "The weights of {} take examples of shape {}, and these are of {}.".format(origin, *shapes)
        raise Unsupported(detail, (("/dataset", detail),))


def _data(spec: JobSpec, origin: JobSpec) -> Data:
    """On the origin's data set, a spec that says nothing of tokens has the origin's: its rows are theirs."""
    said = spec.data.tokenizer is not None or spec.data.vocabulary is not None
    if said or (spec.dataset or origin.dataset) != origin.dataset or spec.task != origin.task:
        return spec.data
    return spec.data.model_copy(update={"tokenizer": origin.data.tokenizer, "vocabulary": origin.data.vocabulary})


def _missing(model: Any, origin: Any) -> dict[str, Any]:
    return {size: getattr(origin, size) for size in SIZES if getattr(model, size) is None}


def _units(units: Units, origin: Units) -> Units:
    """A spec of its origin's parametrization, said or unsaid, is of its base width and alphas, unless it gives its own;
    one that chooses no parametrization goes on at its origin's rate, too."""
    chosen = "parametrization" in units.model_fields_set
    if chosen and units.parametrization is not origin.parametrization:
        return units
    words = ("base_width", "alphas", *(() if chosen else ("learning_rate", "parametrization")))
    taken = {word: getattr(origin, word) for word in words if word not in units.model_fields_set}
    return units.model_copy(update=taken)


def _last(origin: Job) -> int | None:
    """The step that a job which has ended well stands at."""
    return origin.progress.step if origin.state is State.SUCCEEDED else None


def _unavailable(wanted: InitFrom, origin: Job, steps: Sequence[int]) -> list[tuple[str, str]]:
    if wanted.step is None and origin.state is not State.SUCCEEDED:
        stands = f"{origin.id} is {origin.state.value} and has no final weights"
        return [("/init_from/job", f"{stands}; name the step of one of its checkpoints, or wait until it succeeds.")]
    if wanted.step is not None and wanted.step not in steps:
        known = ", ".join(map(str, steps)) or "none"
        how = " The state of an optimizer is in checkpoints alone; checkpoint.every_steps has the last step saved, too."
        keeps = f"{origin.id} keeps no checkpoint of step {wanted.step}; it keeps: {known}."
        return [("/init_from/step", keeps + how * (wanted.optimizer == "keep"))]
    return []


def _unlike(spec: JobSpec, origin: JobSpec) -> list[tuple[str, str]]:
    step = spec.init_from.step if spec.init_from else None
    checks = (
        (spec.task != origin.task, "/task", f"its task is {origin.task}."),
        (
            step is not None and spec.dataset != origin.dataset,
            "/dataset",
            f"a checkpoint's outputs have a meaning on {origin.dataset} alone; final weights fit other data sets.",
        ),
        (
            spec.units.parametrization is not origin.units.parametrization,
            "/units/parametrization",
            f"its weights are those of {origin.units.parametrization.value}.",
        ),
        (
            spec.units.parametrization is origin.units.parametrization
            and spec.units.base_width != origin.units.base_width,
            "/units/base_width",
            f"its weights are those of base_width {origin.units.base_width}.",
        ),
    )
    sizes = (
        (f"/model/{size}", f"its {size} is {there}.")
        for size in SIZES
        if (there := getattr(origin.model, size)) != getattr(spec.model, size)
    )
    return [(pointer, detail) for wrong, pointer, detail in checks if wrong] + list(sizes)
