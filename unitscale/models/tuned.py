"""What tuning found: the numbers that `auto` became, and why."""

from typing import Annotated

from pydantic import Field

from unitscale.models.document import Answer, Document, Measure


class Rule(Document):
    """How the best learning rate moves with the width of a model."""

    octaves_per_doubling: Annotated[float, Field(ge=-8, le=8)]
    """log2 of the rate at twice the width over the rate."""
    source: Annotated[str, Field(min_length=1, max_length=200)]
    """Where that is known from: a transfer that measured it, or the default table."""


class Tried(Answer):
    """One rate, tried on the proxy."""

    learning_rate: float
    loss: Measure
    """On the validation split; null where it diverged."""


class Proxy(Answer):
    """The small run that stood in for the job."""

    width: int | None
    """Null: the kind of model has none."""
    steps: int
    work: float
    """Its floating-point operations for one rate over the job's, estimated."""


class TunedRate(Answer):
    """The learning rate, and why."""

    value: float
    why: str
    proxy: Proxy | None = None
    """Null: none paid, and the value is the default."""
    rule: Rule | None = None
    """By which the proxy's best rate was moved to the job's width."""
    vertex: Measure = None
    """The best rate at the proxy's own width: lowest point of a parabola through the best and what is near it."""
    tried: tuple[Tried, ...] = ()


class TunedBatch(Answer):
    """The batch size, and why."""

    value: int
    why: str
    noise_scale: Measure = None
    """In examples: of the gradients as the optimizer sees them."""


class Tuned(Answer):
    """What was tuned before the first step."""

    learning_rate: TunedRate | None = None
    batch_size: TunedBatch | None = None
    seconds: float
    """That tuning took; they count as neither training nor evaluation."""
