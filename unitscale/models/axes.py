"""Specs that differ in named fields: `{"units.learning_rate": [0.1, 0.2], "seed": [0, 1]}`."""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from unitscale.errors import Malformed
from unitscale.models.misspelt import no_field
from unitscale.models.mistakes import told
from unitscale.models.specs import JobSpec

Path = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*(\.[A-Za-z0-9][A-Za-z0-9_./-]*)*$", max_length=120)]
"""A field of a spec, by dotted path; below `labels` the rest is the label."""
Setting = Annotated[dict[Path, Any], Field(max_length=64)]
MOST_NAMED = 50


Values = Annotated[tuple[Any, ...], Field(min_length=1, max_length=1024)]


def grid(axes: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Every combination; the last axis runs fastest."""
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def held_twice(setting: Mapping[str, Any], at: str) -> list[tuple[str, str]]:
    """Fields that are set twice, since another of these holds them; (pointer, detail), below the pointer `at`."""
    paths = {tuple(_parts(path)): path for path in setting}
    return [
        (pointer_to(at, path), f"`{paths[above]}` is set as well, and holds it: leave one of them out.")
        for inner, path in paths.items()
        for depth in range(len(inner))
        if (above := inner[:depth]) in paths
    ]


def repeats(values: Sequence[Any], at: str) -> list[tuple[str, str]]:
    """Values that came before: (pointer, detail), below the pointer `at`. 1 and 1.0 are one number."""
    firsts: dict[str, int] = {}
    return [
        (f"{at}/{place}", f"This value stands at {at}/{first} already.")
        for place, value in enumerate(values)
        if (first := firsts.setdefault(_told_apart(value), place)) != place
    ]


def pointer_to(above: str, field: str) -> str:
    """The JSON pointer to a field below another."""
    return f"{above}/" + field.replace("~", "~0").replace("/", "~1")


def _told_apart(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True)


def varied(base: JobSpec, setting: Mapping[str, Any], pointers: Mapping[str, str]) -> JobSpec:
    """The base with these fields set. Raises Malformed, which names a field by its pointer, or the base's."""
    document = base.model_dump(mode="json", exclude_unset=True)
    for path, value in setting.items():
        _set(document, path, value, pointers[path])
    try:
        return JobSpec.model_validate(document)
    except ValidationError as error:
        wrong = told((_pointer(found["loc"], pointers), _worded(found)) for found in error.errors()[:MOST_NAMED])
        set_to = {pointers[path]: json.dumps(value) for path, value in setting.items()}
        named = ((at, f"{detail.rstrip('.')}; it is {set_to[at]}." if at in set_to else detail) for at, detail in wrong)
        raise Malformed("A combination is no valid spec.", tuple(named)) from error


def _worded(error: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**error, "msg": no_field(".".join(map(str, error["loc"])))} if error["type"] == "extra_forbidden" else error


def _set(document: dict[str, Any], path: str, value: Any, pointer: str) -> None:
    parts = _parts(path)
    for part in parts[:-1]:
        document = document.setdefault(part, {})
        if not isinstance(document, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise Malformed("A combination is no valid spec.", ((pointer, f"`{part}` has no fields."),))
    document[parts[-1]] = value


def _parts(path: str) -> list[str]:
    first, _, rest = path.partition(".")
    return [first, *([rest] if first == "labels" else rest.split("."))] if rest else [first]


def _pointer(location: tuple[int | str, ...], pointers: Mapping[str, str]) -> str:
    """To the axis whose field this is, else to the base's."""
    path = ".".join(str(part) for part in location)
    for field, pointer in pointers.items():
        if path == field or path.startswith(f"{field}.") or field.startswith(f"{path}."):
            return pointer
    return "/base/" + "/".join(str(part) for part in location)
