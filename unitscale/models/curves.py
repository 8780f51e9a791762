"""Curves: a measure over the steps of a run. Steps count from 1."""

from typing import Annotated

from pydantic import Field

from unitscale.models.document import Answer, Measure

CurveKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_./-]{0,63}$", examples=["train_loss"])]


class Curve(Answer):
    """One measure. When sampled, `min` and `max` bound the values that each point stands for."""

    step: tuple[int, ...] = ()
    value: tuple[Measure, ...] = ()
    min: tuple[Measure, ...] | None = None
    max: tuple[Measure, ...] | None = None
    sampled: bool = False


class Curves(Answer):
    """The curves of a job. `last_step` is the next `after_step`."""

    curves: dict[str, Curve]
    last_step: int
    """All points up to this step are here; none beyond it."""
    ended: bool
