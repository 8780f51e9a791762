"""A training job as its caller describes it. Only `task` is required."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from unitscale.models.document import Document, JobId
from unitscale.models.formats import Format
from unitscale.models.units import BatchSchedule, Optimizer, Schedule, Units

Size = Annotated[int, Field(ge=1, le=65536)]
Depth = Annotated[int, Field(ge=1, le=1024)]
MOST_STEPS = 10**9
Steps = Annotated[int, Field(ge=1, le=MOST_STEPS)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]*$")]
LabelValue = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]


class TaskName(StrEnum):
    """What there is to learn."""

    REGRESSION = "regression"
    IMAGE_CLASSIFICATION = "image-classification"
    TEXT_GENERATION = "text-generation"
    MASKED_LANGUAGE_MODELING = "masked-language-modeling"
    TRANSLATION = "translation"
    QUESTION_ANSWERING = "question-answering"
    SPEECH_RECOGNITION = "speech-recognition"


Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9-]*$")]
"""What tasks and kinds of models are called."""
DATASET_PATTERN = r"^[a-z][a-z0-9_-]*$"
DatasetName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=DATASET_PATTERN)]
Task = Annotated[TaskName | Word, Field(union_mode="left_to_right")]
"""A task of the service's own, or one that a plug-in brings."""


class Data(Document):
    """Which part of the data set is used."""

    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training split; validation and test stay whole."""
    tokenizer: Literal["characters", "bpe"] | None = None
    """Tasks on texts: what a token is. `bpe` pieces (byte-level) are learnt from the training split. Null: the task's
    default."""
    vocabulary: Annotated[int, Field(ge=320, le=32_000)] | None = None
    """`bpe` only: the most tokens there are; null: the task's default."""


class Model(Document):
    """What fits the data. Sizes that a kind does not have are refused."""

    kind: Word | None = None
    """`linear`, `mlp`, `convnet`, …: see the catalog. Null: the task's default."""
    width: Size | None = None
    """Features of a hidden layer."""
    depth: Depth | None = None
    """Hidden layers."""
    channels: Size | None = None
    """convnet: channels of the first layer; each further one has twice as many."""
    head_size: Size | None = None
    """Transformers: features of one head of attention."""
    context: Annotated[int, Field(ge=1, le=2**20)] | None = None
    """Transformers: the most tokens that are looked at; of an encoder-decoder, those of a source, and of a target."""
    memory_length: Annotated[int, Field(ge=0, le=2**20)] | None = None
    """transformer: hidden states of that many tokens before a window that it looks back at (Transformer-XL)."""


class InitFrom(Document):
    """Another job's weights to start from: fine-tuning, or one trunk of many decays.

    Data set, model, parametrization and learning rate are the origin's where the spec names none. Text on
    other characters starts with the rows of those that both texts have.
    """

    job: JobId
    step: Steps | None = None
    """Step of the checkpoint; null: the final weights."""
    optimizer: Literal["reset", "keep"] = "reset"
    """`reset`: a new run from these weights. `keep`: the origin's run goes on, with the state of its optimizer and the
    data after `step`; steps, budget and schedule count from the origin's first step, and units, optimizer, schedule,
    budget and seed are the origin's where the spec names none."""


class Budget(Document):
    """When training ends: exactly one length, and conditions that may end it earlier."""

    epochs: Steps | None = None
    """Passes over the training split."""
    steps: Steps | None = None
    """Optimizer steps."""
    tokens: Annotated[int, Field(ge=1, le=10**15)] | None = None
    """Tokens seen; text tasks only."""
    max_seconds: Annotated[float, Field(gt=0, le=31_536_000)] | None = None
    """Seconds of training, over all attempts; reaching it is success, `stopped_by: max_seconds`."""
    target_loss: float | None = None
    """Validation loss that ends the run when an evaluation reaches it; success, `stopped_by: target_loss`."""

    @model_validator(mode="after")
    def _at_most_one_length(self) -> Self:
        if sum(length is not None for length in (self.epochs, self.steps, self.tokens)) > 1:
            raise ValueError("give one of epochs, steps or tokens")
        return self


def _each_once(formats: tuple[Format, ...]) -> tuple[Format, ...]:
    return tuple(dict.fromkeys(formats))


class Evaluation(Document):
    """What is measured besides the training loss."""

    every_steps: Steps | None = None
    """Steps between evaluations on the validation split; null: about ten times a run. The end is always evaluated."""
    formats: Annotated[tuple[Format, ...], Field(max_length=4), AfterValidator(_each_once)] = ()
    """Formats to serve the model in, each of which is measured when training is over, and can be asked. None named:
    the model is left in fp32, and nothing is measured."""


class Diagnostics(Document):
    """Extra curves, each of which costs time."""

    scales_every: Steps | None = None
    """Steps between measurements of how large activations, weights and gradients are: curves `rms.KIND.LAYER`, and
    `lost.FORMAT.KIND.LAYER`, the share that lies outside the range of `fp8`, `bf16` or `fp16`. The first step has
    `change.LAYER` as well, the RMS change of what a layer puts out; `features` is what the readout reads."""
    noise_scale: bool = False
    """Measure the noise scale of the gradients, in examples: curves `noise_scale` and, under AdamW,
    `noise_scale_preconditioned`, each with `_low` and `_high`, about every tenth step or 200 times a run. A measurement
    costs half a step, where `micro_batch_size` cuts batches into parts next to nothing."""


class Checkpointing(Document):
    """How much training a kill may cost, and from where other jobs may start."""

    every_seconds: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0
    every_steps: Steps | None = None
    """In place of seconds: a checkpoint each so many steps, and one of the last step of the budget."""
    keep: Annotated[int, Field(ge=1, le=100)] = 2
    """Of the newest checkpoints; each holds the weights and the state of the optimizer."""


class Resources(Document):
    """What a job runs on."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: Annotated[int, Field(ge=1, le=64)] = 1
    """Trained on at once: each takes its share of every batch, which stays as large as the spec says. The job waits for
    a slot of that many."""
    compile: bool = False
    """Transformers only: compile the model before the first step, with the C++ compiler of the worker's machine. That
    takes ten seconds or more, once; each step then takes an eighth less time in fp32, and a quarter less in bf16."""
    alone: bool = False
    """Train in a process of its own, so that times can be compared; else jobs that are alike may train together."""


Priority = Literal["low", "normal", "high"]


class JobSpec(Document):
    """A training job: what to learn, with which units, on what, for how long."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "first try",
                    "task": "regression",
                    "dataset": "linear",
                    "model": {"kind": "linear"},
                    "units": {"learning_rate": 0.01, "batch_size": "full"},
                    "optimizer": {"name": "sgd"},
                    "budget": {"epochs": 100},
                }
            ]
        }
    )

    name: Name | None = None
    labels: Annotated[dict[Label, LabelValue], Field(max_length=32)] = {}
    task: Task
    """`regression`, `text-generation`, …: see the catalog."""
    dataset: DatasetName | None = None
    """A name from the catalog, or an uploaded `ds_…`. Null: the task's default."""
    data: Data = Data()
    model: Model = Model()
    init_from: InitFrom | None = None
    units: Units = Units()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    batch_schedule: BatchSchedule = BatchSchedule()
    budget: Budget = Budget()
    evaluation: Evaluation = Evaluation()
    diagnostics: Diagnostics = Diagnostics()
    checkpoint: Checkpointing = Checkpointing()
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    """Seeds the weights and the order of the data; the split belongs to the data set."""
    resources: Resources = Resources()
    priority: Priority = "normal"

    @property
    def after(self) -> int:
        """Steps that its origin has taken of this run; 0 for a run of its own."""
        origin = self.init_from
        return int(origin.step or 0) if origin is not None and origin.optimizer == "keep" else 0

    def by_itself(self) -> Self:
        """The same in a process of its own."""
        return self.model_copy(update={"resources": self.resources.model_copy(update={"alone": True})})
