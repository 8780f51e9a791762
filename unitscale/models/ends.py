"""Whether a value lies at the end of what was searched: what is best may lie beyond."""

from typing import Any, Literal, cast

from unitscale.models.spaces import Choices, Space
from unitscale.models.studies import StudySpec

NEAR = 0.05
"""The share of a range, on its scale, that counts as its end."""
FEWEST_CHOICES = 3
"""Numbers of which one can lie between others."""
End = Literal["lower", "upper"]


def ends_of(study: StudySpec, units: dict[str, Any]) -> dict[str, End]:
    """The units of these that lie at an end, and at which."""
    spaces = study.spaces
    return {unit: end for unit, value in units.items() if (end := end_of(spaces[unit], value))}


def end_of(space: Space, value: Any) -> End | None:
    """At which end a value lies; None where it lies inside, has no order, or nothing lies beyond, as below zero."""
    if isinstance(space, Choices):
        return _end_of_choices(space, value)
    share = space.share(value)
    if share <= NEAR:
        return "lower" if space.low != 0 else None
    return "upper" if share >= 1 - NEAR else None


def _end_of_choices(space: Choices, value: Any) -> End | None:
    numbers = [each for each in space.choices if isinstance(each, (int, float)) and not isinstance(each, bool)]
    if len(numbers) < len(space.choices) or len(set(numbers)) < FEWEST_CHOICES:
        return None
    ends = {min(numbers): "lower", max(numbers): "upper"}
    return cast("End | None", ends.get(value))
