"""What a study searches: for each unit a range or a list of choices, and the values that these stand for."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from unitscale.models.document import Document
from unitscale.models.specs import JobSpec
from unitscale.models.units import Units

Bound = Annotated[int | float, Field(ge=-1e12, le=1e12)]
MOST_STEPS = 1024
UNCOUNTED = 2.0**53
"""Steps of a range that has far too many: their number may be endless."""


class Range(Document):
    """Every value from `low` to `high`, or every `step` of the way."""

    low: Bound
    high: Bound
    scale: Literal["linear", "log"] = "linear"
    """`log`: what counts is how often one value holds another: learning rates, decays, widths."""
    step: Annotated[int | float, Field(gt=0, le=1e12)] | None = None
    """On a linear scale what lies between neighbours; on a logarithmic one the factor between them."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        if self.scale == "log" and self.low <= 0:
            raise ValueError("a logarithmic scale begins above 0")
        if self.scale == "log" and self.step is not None and self.step <= 1:
            raise ValueError("on a logarithmic scale, step is a factor above 1")
        if self.count is not None and self.count > MOST_STEPS:
            raise ValueError(f"it has more than {MOST_STEPS} values, the most there may be with a step")
        return self

    @property
    def whole(self) -> bool:
        """Whether all that it holds is whole numbers."""
        return all(isinstance(end, int) for end in (self.low, self.high, self.step or 1))

    @property
    def count(self) -> int | None:
        """How many values it has; None where it has no step."""
        if self.step is None:
            return None
        steps = self._units(self.high) - self._units(self.low)
        return math.floor(min(steps / self._units_of_step(), UNCOUNTED) + 1e-9) + 1

    def at(self, share: float) -> int | float:
        """The value this share of the way, 0 to 1, from low to high on its scale; of a range with steps the nearest."""
        if self.count is not None:
            return self.nth(round(share * (self.count - 1)))
        return self._between(self._units(self.low) + share * (self._units(self.high) - self._units(self.low)))

    def share(self, value: float) -> float:
        """How far from low to high a value lies on its scale, 0 to 1."""
        return (self._units(value) - self._units(self.low)) / (self._units(self.high) - self._units(self.low))

    def nth(self, number: int) -> int | float:
        """The value so many steps from low."""
        if self.whole and self.scale == "linear":
            return self.low + number * (self.step or 1)
        return self._between(self._units(self.low) + number * self._units_of_step())

    def number(self, value: float) -> int:
        """How many steps from low a value lies."""
        return round((self._units(value) - self._units(self.low)) / self._units_of_step())

    def spread(self, points: int) -> list[int | float]:
        """All of its steps; without any, so many points that lie evenly on its scale, the ends among them."""
        if self.count is not None:
            return [self.nth(number) for number in range(self.count)]
        if points == 1:
            return [self.at(0.5)]
        return list(dict.fromkeys(self.at(number / (points - 1)) for number in range(points)))

    def every(self, most: int) -> list[int | float] | None:
        """All that it holds; None where that is more than so many."""
        if self.count is not None:
            return self.spread(self.count) if self.count <= most else None
        values = range(int(self.low), int(self.high) + 1) if self.whole else ()
        return list(values) if 0 < len(values) <= most else None

    def size(self, points: int) -> int:
        """How many values `spread` has at most, without making them."""
        whole = int(self.high - self.low) + 1 if self.whole else points
        return self.count or min(points, whole)

    def _units(self, value: float) -> float:
        return math.log(value) if self.scale == "log" else float(value)

    def _units_of_step(self) -> float:
        return self._units(self.step or 1.0)

    def _between(self, units: float) -> int | float:
        value = math.exp(units) if self.scale == "log" else units
        return min(max(round(value) if self.whole else float(f"{value:.12g}"), self.low), self.high)


class Choices(Document):
    """One of these."""

    choices: Annotated[tuple[Any, ...], Field(min_length=1, max_length=256)]

    def spread(self, points: int) -> list[Any]:  # noqa: ARG002  # a range takes it
        """All of them."""
        return list(self.choices)

    def every(self, most: int) -> list[Any] | None:
        """The same, unless they are more than so many."""
        return list(self.choices) if len(self.choices) <= most else None

    def size(self, points: int) -> int:  # noqa: ARG002  # a range takes it
        """How many there are."""
        return len(self.choices)


def _way(value: Any) -> str | None:
    """Which of the two a value is meant as: as `Space` names them, so that no field of a body is called alike."""
    given: dict[str, Any] = dict(value) if isinstance(value, (dict, Range, Choices)) else {}  # pyright: ignore[reportUnknownArgumentType]
    if "choices" in given:
        return "<choices>"
    return "<range>" if "low" in given or "high" in given else None


Space = Annotated[
    Annotated[Range, Tag("<range>")] | Annotated[Choices, Tag("<choices>")],
    Discriminator(
        _way, custom_error_type="space", custom_error_message="give a range (low, high) or a list of choices"
    ),
]


def fitting(space: Space, path: str) -> Space:
    """The space as the field takes it: fractions also between whole ends, whole numbers also between ends like 1e2."""
    kinds = _kinds_at(path)
    if isinstance(space, Choices) or not kinds & {int, float}:
        return space
    as_field = float if float in kinds else _as_whole
    written = {"low": space.low, "high": space.high, "step": space.step}
    return space.model_copy(update={end: value if value is None else as_field(value) for end, value in written.items()})


def path_of(unit: str) -> str:
    """The field of a spec that a unit's name means: `learning_rate` is `units.learning_rate`."""
    return f"units.{unit}" if unit.partition(".")[0] in Units.model_fields else unit


def is_field(path: str) -> bool:
    """Whether a job's spec has such a field."""
    return bool(_kinds_at(path))


def _as_whole(value: float) -> float:
    return int(value) if value == int(value) else value


def _kinds_at(path: str) -> set[Any]:
    kinds: set[Any] = {JobSpec}
    for part in path.split("."):
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        kinds = {kind for field in fields for kind in _kinds(field.annotation)}
    return kinds


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that a union, annotated or not, is made of."""
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _kinds(argument)
