"""From a study to its jobs' specs, and what of a study cannot be tried at all."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from unitscale.errors import Malformed, Unsupported
from unitscale.models import measures
from unitscale.models.axes import held_twice, pointer_to, repeats, varied
from unitscale.models.measures import of_process, unknown
from unitscale.models.misspelt import no_field
from unitscale.models.offers import Need, Offer
from unitscale.models.spaces import Choices, Range, Space, is_field, path_of
from unitscale.models.specs import JobSpec
from unitscale.models.studies import Progress, StudySpec

FIXED = ("seed", "name", "labels", "priority", "task", "init_from")
LEARNING_RATE = "units.learning_rate"
Fields = list[tuple[str, str]]


def planned(requested: Mapping[str, Any], document: Mapping[str, Any]) -> list[JobSpec | None]:
    """The specs of all trials so far, in the order of their places; None where a trial was refused."""
    study, progress = StudySpec.model_validate(requested), Progress.model_validate(document)
    specs = [spec_of(study, t.units, t.seed) if t.state != "refused" else None for t in progress.trials]
    return [spec and _placed(spec, progress.hardware) for spec in specs] if timed(study) else specs


def needed(requested: Mapping[str, Any], document: Mapping[str, Any]) -> list[Need]:
    """What the next trials need of their workers: what they are judged by, on one class of hardware where that counts,
    the first trial's."""
    study, hardware = StudySpec.model_validate(requested), Progress.model_validate(document).hardware
    same = [("hardware", hardware)] if hardware and timed(study) else []
    return [*measures.needed(study.measures), *same]


def _placed(spec: JobSpec, hardware: str | None) -> JobSpec:
    """On the kind of device that this hardware begins with, where the spec leaves that open."""
    device = (hardware or "").partition("-")[0]
    if spec.resources.device != "auto" or device not in ("cpu", "cuda"):
        return spec
    return spec.model_copy(update={"resources": spec.resources.model_copy(update={"device": device})})


def spec_of(study: StudySpec, units: Mapping[str, Any], seed: int) -> JobSpec:
    """The base with these units. Raises Malformed, which names the unit."""
    setting = {path_of(unit): value for unit, value in units.items()}
    spec = varied(study.base, setting, {path_of(unit): _pointer(unit) for unit in units})
    return (spec.by_itself() if timed(study) else spec).model_copy(update={"seed": seed})


def timed(study: StudySpec) -> bool:
    """Whether what it compares is of the process: trials then train alone, all on one class of hardware."""
    return any(map(of_process, study.measures))


def swept(study: StudySpec) -> dict[str, list[Any]]:
    """The values of each unit where all of them are tried, ranges without steps in as many points as the budget holds.

    The search of `independent` begins with the first of these: the learning rate, where that is searched.
    """
    spaces = dict(sorted(study.spaces.items(), key=lambda entry: path_of(entry[0]) != LEARNING_RATE))
    budget = study.budget.trials

    def too_many(points: int) -> bool:
        return size_of(study, [space.size(points) for space in spaces.values()]) > budget

    points = max(2, bisect_left(range(2, budget + 2), True, key=too_many) + 1)
    return {unit: space.spread(points) for unit, space in spaces.items()}


def size_of(study: StudySpec, counts: list[int]) -> int:
    """How many trials a sampler that tries so many values of each unit needs."""
    return math.prod(counts) if study.sampler == "grid" else sum(counts) + 1


def check(study: StudySpec, offer: Offer) -> list[JobSpec]:
    """Specs at the ends of what is searched, to be looked at further.

    Raises Malformed, naming every field that cannot stay as it is.
    """
    wrong = [*_wrong_units(study), *_wrong_measures(study, offer), *_wrong_pairs(study)]
    if wrong:
        raise Malformed("The study cannot be run as it is written.", tuple(wrong))
    specs = [
        varied(study.base, {path_of(unit): value}, {path_of(unit): pointer})
        for unit, pointer, value in _extremes(study)
    ]
    if study.sampler in ("grid", "independent"):
        _check_size(study)
    return specs


def blamed(study: StudySpec, error: Unsupported) -> Unsupported:
    """The same refusal of a trial's spec, with pointers into the study."""
    own = {"/" + path_of(unit).replace(".", "/"): _pointer(unit) for unit in study.units}

    def mine(pointer: str) -> str:
        return next((own[field] for field in own if f"{pointer}/".startswith(f"{field}/")), f"/base{pointer}")

    return Unsupported(error.message, tuple((mine(pointer), detail) for pointer, detail in error.fields))


def _check_size(study: StudySpec) -> None:
    size = size_of(study, [len(values) for values in swept(study).values()])
    if size > study.budget.trials:
        detail = f"The sampler `{study.sampler}` has {size} trials to make here; allow as many, or search less."
        raise Malformed(detail, (("/budget/trials", detail),))


def _wrong_units(study: StudySpec) -> Iterator[tuple[str, str]]:
    paths = [path_of(unit) for unit in study.units]
    for unit, path in zip(study.units, paths, strict=True):
        if path.partition(".")[0] in FIXED:
            yield _pointer(unit), "This is not a unit that can be searched."
        elif not is_field(path):
            yield _pointer(unit), no_field(path)
        elif paths.count(path) > 1:
            yield _pointer(unit), f"`{path}` is searched twice."
        else:
            yield from _wrong_choices(unit, study.units[unit])
    yield from _searched_within(study)


def _searched_within(study: StudySpec) -> Iterator[tuple[str, str]]:
    units = {path_of(unit): unit for unit in study.units}
    for pointer, said in held_twice(units, ""):
        yield _pointer(units[pointer.removeprefix("/")]), said


def _wrong_choices(unit: str, space: Space) -> Iterator[tuple[str, str]]:
    if isinstance(space, Choices):
        at = f"{_pointer(unit)}/choices"
        yield from repeats(space.choices, at)
        if len(space.choices) == 1:
            yield at, "A single choice leaves nothing to search: name another, or put the value into base."
    elif space.count == 1:
        yield f"{_pointer(unit)}/step", "From low, one step leads beyond high: a single value leaves nothing to search."


def _wrong_measures(study: StudySpec, offer: Offer) -> Iterator[tuple[str, str]]:
    several = isinstance(study.objective, tuple)
    for number, objective in enumerate(study.objectives):
        way = "minimize" if objective.minimize else "maximize"
        pointer = f"/objective/{number}/{way}" if several else f"/objective/{way}"
        yield from ((pointer, said) for said in _of_no_trial(study, objective.measure, offer))
    for number, constraint in enumerate(study.subject_to):
        said = _of_no_trial(study, constraint.measure, offer)
        yield from ((f"/subject_to/{number}/measure", each) for each in said)


def _of_no_trial(study: StudySpec, name: str, offer: Offer) -> list[str]:
    """Why none of the trials has this measure; those with some of the units may have what the base has not."""
    why = list(unknown(study.base, name, offer))
    for unit, _, value in _extremes(study) if why else ():
        with suppress(Malformed):
            if not list(unknown(varied(study.base, {path_of(unit): value}, {path_of(unit): ""}), name, offer)):
                return []
    return why


def _wrong_pairs(study: StudySpec) -> Iterator[tuple[str, str]]:
    names = [objective.measure for objective in study.objectives]
    if len(names) != len(set(names)):
        yield "/objective/1", "Two objectives are two measures."
    objective = study.objectives[0]
    if study.target and len(names) == 1 and (study.target.at_most is None) != (objective.minimize is None):
        yield "/target", "at_most is the target of minimizing, at_least that of maximizing."
    if study.target and len(names) > 1:
        yield "/target", "A target belongs to a single objective; with two, put one into subject_to."
    if study.pruner != "none" and (len(names) > 1 or not names[0].startswith(("val_loss", "train_loss", "metrics."))):
        yield "/pruner", "Pruning goes by the validation loss: it belongs to one objective that is a loss or a metric."


def _extremes(study: StudySpec) -> Iterator[tuple[str, str, Any]]:
    """(unit, pointer, value) of each range's ends and of each choice."""
    for unit, space in study.spaces.items():
        if isinstance(space, Choices):
            yield from ((unit, f"{_pointer(unit)}/choices/{n}", value) for n, value in enumerate(space.choices))
        else:
            yield from _ends(unit, space)


def _ends(unit: str, space: Range) -> Iterator[tuple[str, str, Any]]:
    yield unit, f"{_pointer(unit)}/low", space.low
    yield unit, f"{_pointer(unit)}/high", space.high


def _pointer(unit: str) -> str:
    return pointer_to("/units", unit)
