"""What supervisor and trainer say to each other: JSON lines, orders down on stdin, messages up on stdout.

The end of stdin means that the supervisor is gone: the trainer exits at once, whatever it is doing. Every message names
its job, so that a group of jobs trains in one process and each ends for its own reason. What a trainer prints goes to
stderr, which the supervisor keeps as the jobs' log.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from unitscale.models.alike import Finding
from unitscale.models.datasets import Contents
from unitscale.models.document import Answer
from unitscale.models.formats import Format
from unitscale.models.jobs import Artifact, Reason, Result
from unitscale.models.predictions import Sampling
from unitscale.models.specs import JobSpec, TaskName
from unitscale.models.tuned import Tuned
from unitscale.models.workers import Abilities

PREPARED = "prepared-1"
"""The folder, in a data set's own, of what its check prepared. A change of content or order takes the next number."""


class Resume(Answer):
    """Where an attempt starts from: a published checkpoint."""

    step: int
    folder: str
    """Absolute path of the checkpoint's folder."""


class Lane(Answer):
    """One job of a group."""

    job: str
    attempt: int
    spec: JobSpec
    folder: str
    """Absolute path of the folder that is this attempt's own: `checkpoints/` and `artifacts/` go below it."""
    resume: Resume | None = None
    origin: str | None = None
    """Absolute path of the folder with another job's weights that this one starts from."""
    dataset: str | None = None
    """Absolute path of the folder of an uploaded data set; null: the catalog's."""


class Train(Answer):
    """Train these jobs together, then exit."""

    do: Literal["train"] = "train"
    devices: tuple[str, ...] = ("cpu",)
    """As torch calls them. On several, one job trains data-parallel."""
    price_per_device_hour: float | None = None
    measure: bool = False
    """Find out first how many of the lanes it pays to train together; the others are not trained."""
    lanes: tuple[Lane, ...]


class Stop(Answer):
    """End one job's training: `pause` and `leave` write a checkpoint first, `cancel` does not."""

    do: Literal["stop"] = "stop"
    job: str
    why: Literal["pause", "cancel", "leave"]


class Ask(Answer):
    """Answer from stored weights; the trainer stays for the next one."""

    do: Literal["ask"] = "ask"
    ask: str
    folder: str
    """Absolute path of the folder with the weights and `config.json`."""
    format: Format = Format.FP32
    inputs: tuple[Any, ...]
    sampling: Sampling | None = None


class Check(Answer):
    """Check an upload and prepare it for training; the trainer stays for the next order."""

    do: Literal["check"] = "check"
    dataset: str
    folder: str
    """Absolute path of the data set's folder: the file `upload` lies in it."""
    task: TaskName | None = None
    """Tells apart what comes in files of the same ending; null: what came first."""
    format: str
    """The ending of the file's name: `.csv`."""
    target: str | None = None


Order = Annotated[Train | Stop | Ask | Check, Field(discriminator="do")]
ORDER: TypeAdapter[Train | Stop | Ask | Check] = TypeAdapter(Order)


class Ready(Answer):
    """torch is imported and warm: orders are taken at once."""

    say: Literal["ready"] = "ready"


class Settled(Answer):
    """What `auto` became, before the first step."""

    say: Literal["settled"] = "settled"
    job: str
    spec: JobSpec
    """With the numbers filled in."""
    steps: int
    tuned: Tuned


class Grouped(Answer):
    """With how many a job trains, or that it does not train here: it goes back to its queue."""

    say: Literal["grouped"] = "grouped"
    job: str
    trains: bool
    lanes: int
    why: str
    finding: Finding | None = None
    """What was measured; null: nothing that is worth being remembered."""


class Started(Answer):
    """The first step of this attempt is done."""

    say: Literal["started"] = "started"
    job: str
    steps: int
    """Steps of the whole run."""
    parameters: int
    lanes: int
    """Jobs that train in this process."""


class Stretch(Answer):
    """A run of points of one curve."""

    offset: int
    """Points of this curve that come before, over all attempts."""
    data: str
    """base64 of packed `<u4 step, f4 value>`."""


class Points(Answer):
    """New points. After this message every point up to `step`, of every curve, has been sent."""

    say: Literal["points"] = "points"
    job: str
    step: int
    steps: int
    """Of the whole run, as far as is known: fewer, where batches have grown."""
    curves: dict[str, Stretch]
    training_seconds: float
    """Over all attempts, evaluation not counted."""
    evaluation_seconds: float
    examples: int
    """Examples seen, over all attempts."""


class Saved(Answer):
    """A checkpoint is whole and fsynced. All its points have been sent before."""

    say: Literal["saved"] = "saved"
    job: str
    step: int
    folder: str
    """Relative to the attempt's folder."""
    bytes: int
    points: dict[str, int]
    """Points of each curve up to `step`: what remains when a later attempt starts here."""
    training_seconds: float
    evaluation_seconds: float
    examples: int


class Ended(Answer):
    """A job's training is over: exactly one of `result` and `reason`."""

    say: Literal["ended"] = "ended"
    job: str
    result: Result | None = None
    artifacts: tuple[Artifact, ...] = ()
    reason: Reason | None = None


class Stopped(Answer):
    """A stop was obeyed. For `pause` and `leave`, its checkpoint was sent before."""

    say: Literal["stopped"] = "stopped"
    job: str
    why: Literal["pause", "cancel", "leave"]


class Answered(Answer):
    """Outputs for an ask, or what is wrong: a problem, with (JSON pointer, detail) pairs, when the inputs are to blame,
    else a failure."""

    say: Literal["answered"] = "answered"
    ask: str
    outputs: tuple[Any, ...] | None = None
    problem: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    failure: str | None = None


class Checked(Answer):
    """What a check found: exactly one of `contents` and `problem`."""

    say: Literal["checked"] = "checked"
    dataset: str
    contents: Contents | None = None
    problem: str | None = None
    """Why jobs cannot train on it, naming the row or the file."""


class Found(Answer):
    """What trainers can do on these devices, as a process of theirs found out."""

    abilities: Abilities
    fetched: dict[str, str]
    """Data sets that have to be brought, and the file of the cache that each is then in."""


AnyMessage = Ready | Settled | Grouped | Started | Points | Saved | Ended | Stopped | Answered | Checked
Message = Annotated[AnyMessage, Field(discriminator="say")]
MESSAGE: TypeAdapter[AnyMessage] = TypeAdapter(Message)
