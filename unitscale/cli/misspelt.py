"""Fields of a spec that there are not, and the ones that were probably meant."""

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel

PLACES = {
    "submit": "",
    "sweep": r"/base|/axes|/settings/\d+",
    "study": "/base|/units",
    "transfer": "/base",
    "advise": "/spec",
}
"""Where the fields of a job's spec stand in what a command sends."""
ALIKE = 0.7
"""How much of a name must be right for another one to be suggested."""


def suggestion(command: str | None, pointer: str) -> str | None:
    """The field of a spec that was probably meant, where this pointer into what a command sent names none."""
    found = re.fullmatch(rf"(?:{PLACES[command]})/(.+)", pointer) if command in PLACES else None
    if found is None:
        return None
    path = found[1].replace("~1", "/").replace("/", ".")
    return meant(_whole(path) if pointer.startswith("/units/") and command == "study" else path)


def meant(path: str) -> str | None:
    """The field with a name like this one's; None where there is this one, or none like it."""
    from unitscale.models.specs import JobSpec  # noqa: PLC0415  pydantic loads slowly

    models: list[type[BaseModel]] = [JobSpec]
    right: list[str] = []
    for part in path.split("."):
        below = [annotation for name, annotation in _fields(models) if name == part]
        if not below:
            return _nearest(models, right, part)
        models, right = [model for annotation in below for model in _models(annotation)], [*right, part]
    return None


def _whole(unit: str) -> str:
    """A study's name of a unit as a path."""
    from unitscale.models.spaces import path_of  # noqa: PLC0415  pydantic loads slowly

    return path_of(unit)


def _nearest(models: "list[type[BaseModel]]", right: list[str], part: str) -> str | None:
    """Of the fields beside it; else, where it stands alone, of all that there are."""
    beside = {name: ".".join([*right, name]) for name, _ in _fields(models)}
    anywhere = {} if right else {path.rpartition(".")[2]: path for path in _paths(models)}
    for known in (beside, anywhere):
        if near := get_close_matches(part, known, n=1, cutoff=ALIKE):
            return known[near[0]]
    return None


def _paths(models: "Iterable[type[BaseModel]]", before: str = "") -> "Iterator[str]":
    for name, annotation in _fields(models):
        yield before + name
        yield from _paths(_models(annotation), f"{before}{name}.")


def _fields(models: "Iterable[type[BaseModel]]") -> "Iterator[tuple[str, Any]]":
    return ((name, field.annotation) for model in models for name, field in model.model_fields.items())


def _models(annotation: Any) -> "list[type[BaseModel]]":
    """The models that a type, or a union of some, is made of."""
    from pydantic import BaseModel  # noqa: PLC0415  loads slowly

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
