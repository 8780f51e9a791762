"""The units of training: what a caller may scale, and how it changes while training."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from unitscale.models.document import Document
from unitscale.models.tuned import Rule

LEAST_RATE, MOST_RATE = 1e-12, 1e6
"""Where rates lie that nobody wrote down: a rule, or a grid that is extended, moves them no further."""
Positive = Annotated[float, Field(gt=0, le=MOST_RATE)]
Tunable = Literal["learning_rate", "batch_size"]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def _each_once(words: tuple[Tunable, ...]) -> tuple[Tunable, ...]:
    return tuple(dict.fromkeys(words))


class Precision(StrEnum):
    """The number format of parameters and products."""

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    BF16_MIXED = "bf16-mixed"
    FP16_MIXED = "fp16-mixed"
    FP8 = "fp8"
    FP8_SIMULATED = "fp8-simulated"


class Parametrization(StrEnum):
    """How multiplier, initialization and learning rate of a weight follow from its shape."""

    SP = "sp"
    MUP = "mup"
    UMUP = "u-mup"


class Alphas(Document):
    """u-μP's multipliers, each 1 by default."""

    ffn_act: Positive = 1.0
    attn_softmax: Positive = 1.0
    res: Positive = 1.0
    res_attn_ratio: Positive = 1.0
    loss_softmax: Positive = 1.0


class Units(Document):
    """The units of training."""

    learning_rate: Positive | Literal["auto"] | None = None
    """Step size η of the schedule's plateau. `auto`: tuned on a small proxy before the first step. Null: the default of
    the optimizer, the parametrization and the model."""
    batch_size: Annotated[int, Field(ge=1, le=2**24)] | Literal["full", "auto"] | None = None
    """Examples in one optimizer step; `full` is the whole training split. `auto`: by the noise scale of a small run and
    by memory; where no rate is given, that is tuned as well. Null: the task's default."""
    tune: Annotated[tuple[Tunable, ...], Field(max_length=2), AfterValidator(_each_once)] = ()
    """What is still to be tuned, from the number that stands above; `auto` puts it here."""
    rule: Rule | None = None
    """Tuned rates only: how the best one moves with the width. Null: the default table."""
    micro_batch_size: Annotated[int, Field(ge=1, le=2**24)] | None = None
    """Examples in one forward pass; gradients are accumulated up to `batch_size`."""
    precision: Precision = Precision.FP32
    parametrization: Parametrization = Parametrization.SP
    base_width: Annotated[int, Field(ge=1, le=65536)] | None = None
    """μP only: the width at which μP is SP, but for the logits of attention, which it divides by the head size."""
    alphas: Alphas | None = None
    """u-μP only."""


class Optimizer(Document):
    """The update rule. Fields that belong to the other rule are refused."""

    name: Literal["sgd", "adamw"] = "adamw"
    momentum: Fraction | None = None
    """SGD only; 0 by default."""
    betas: tuple[Fraction, Fraction] | None = None
    """AdamW only: decay of the first and second moment; (0.9, 0.999) by default."""
    eps: Annotated[float, Field(gt=0, le=1)] | None = None
    """AdamW only; 1e-8 by default."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    """SGD adds decay · θ to the gradient; AdamW shrinks θ by learning_rate · decay a step."""
    clip_norm: Positive | None = None
    """Largest 2-norm of the whole gradient; null: not clipped."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.name == "adamw" and self.momentum is not None:
            raise ValueError("momentum belongs to sgd; adamw takes betas")
        if self.name == "sgd" and (self.betas is not None or self.eps is not None):
            raise ValueError("betas and eps belong to adamw; sgd takes momentum")
        return self


class Schedule(Document):
    """How the learning rate changes over the steps of a run."""

    name: Literal["constant", "linear", "cosine", "wsd", "plateau"] = "constant"
    """`linear` and `cosine` fall to `final_fraction` of the rate; `wsd` stays, and falls at the end; `plateau` falls by
    `factor` when the validation loss stops falling, to `final_fraction` at the lowest."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**9)] = 0
    """Steps over which the rate rises linearly from 0."""
    final_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    """Rate at the end over the rate at the plateau; 0.1 by default, not for `constant`."""
    decay_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    """`wsd` only: the share of the steps over which the rate falls; 0.2 by default."""
    factor: Annotated[float, Field(gt=0, lt=1)] | None = None
    """`plateau` only: what the rate is multiplied by when the validation loss stops falling; 0.5 by default."""
    patience: Annotated[int, Field(ge=0, le=10**6)] | None = None
    """`plateau` only: evaluations in a row without a new best loss that are waited for; 2 by default."""

    @model_validator(mode="after")
    def _fields_of_the_name(self) -> Self:
        if self.name == "constant" and self.final_fraction is not None:
            raise ValueError("final_fraction means nothing for a constant schedule")
        if self.name != "wsd" and self.decay_fraction is not None:
            raise ValueError("decay_fraction belongs to wsd")
        if self.name != "plateau" and (self.factor is not None or self.patience is not None):
            raise ValueError("factor and patience belong to plateau")
        return self


class BatchSchedule(Document):
    """How the batch size changes over the steps of a run."""

    name: Literal["constant", "ramp", "noise-scale"] = "constant"
    """`ramp` rises linearly from `initial_batch_size` to the units' batch size; `noise-scale` grows from the one
    towards the other, as large as the measured noise scale surely is."""
    initial_batch_size: Annotated[int, Field(ge=1, le=2**24)] | None = None
    """Not for `constant`: examples of the first batch; an eighth of the last by default."""
    ramp_steps: Annotated[int, Field(ge=1, le=10**6)] | None = None
    """`ramp` only: steps over which the batch grows; by default a fifth of what the run would take at its last size."""
    rate_follows: Literal["keep", "root", "linear"] | None = None
    """Not for `constant`: what the learning rate does meanwhile. `keep` (default): nothing. `root`, `linear`: it is the
    units' rate times the root, or the whole, of the present batch size over the units'."""

    @model_validator(mode="after")
    def _fields_of_the_name(self) -> Self:
        if self.name == "constant" and (self.initial_batch_size is not None or self.rate_follows is not None):
            raise ValueError("initial_batch_size and rate_follows belong to ramp and noise-scale")
        if self.name != "ramp" and self.ramp_steps is not None:
            raise ValueError("ramp_steps belongs to ramp")
        return self
