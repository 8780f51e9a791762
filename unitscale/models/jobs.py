"""A job: its life, and everything the service says of it."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PlainSerializer

from unitscale.models.document import Answer, JobId, Measure, Measures, Moment
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Tuned


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Waits for a free slot."""
    RUNNING = "running"
    """A supervisor holds its lease."""
    PAUSED = "paused"
    """Set aside with its checkpoint until it is resumed."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Ended for the reason it carries."""
    CANCELLED = "cancelled"


NEXT: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.CANCELLED}),
    State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.PAUSED, State.QUEUED}),
    State.PAUSED: frozenset({State.QUEUED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}  # RUNNING → QUEUED is a lost worker or a leaving one: another may try

ENDED = frozenset(state for state, following in NEXT.items() if not following)

Wish = Literal["pause", "cancel"]
LONGEST_REASON = 2000


def _short(message: str) -> str:
    return message if len(message) <= LONGEST_REASON else message[: LONGEST_REASON - 1] + "…"


class Reason(Answer):
    """Why a job failed: a word for programs, a sentence for people."""

    code: str
    message: Annotated[str, AfterValidator(_short)]


class Queue(Answer):
    """A queued job's place."""

    position: int
    """Jobs ahead of it in its queue."""
    why: str
    """What it waits for, in words."""


class Fused(Answer):
    """With how many jobs like it a job trains in one process, and why not with more or fewer."""

    lanes: int
    """Jobs of that process, this one included; 1: it trains alone."""
    why: str
    cost: float | None = None
    """What a step of all of them takes, in steps of one, as it was measured; null where that is not known."""


class Progress(Answer):
    """How far a job has come."""

    step: int = 0
    steps: int | None = None
    fraction: float = 0.0
    eta_seconds: Measure = None


class Timings(Answer):
    """Where the time went, over all attempts."""

    queued_seconds: Measure = None
    startup_seconds: Measure = None
    """From the last claim to the first step."""
    training_seconds: Measure = None
    evaluation_seconds: Measure = None
    steps_per_second: Measure = None
    examples_per_second: Measure = None
    tokens_per_second: Measure = None


class Latency(Answer):
    """How long one answer takes, in milliseconds."""

    p50: Measure = None
    p95: Measure = None


class Deployment(Answer):
    """What serving the model costs in one number format, on the device it was trained on. An example of a text model
    is a text as long as its context."""

    format: str
    bytes: int
    """Of the file with the weights."""
    latency_ms: Latency | None = None
    """Of one example alone."""
    batch_size: int | None = None
    """Examples of the batch that the next two are of."""
    examples_per_second: Measure = None
    peak_memory_bytes: int | None = None
    """The weights, and the most that results between them take at a time."""
    first_token_ms: Measure = None
    """Text models: to read half a context and write one token, p50."""
    decode_tokens_per_second: Measure = None
    """Text models: one text, keys and values kept."""
    price_per_million: Measure = None
    """Of a million examples, or of a million tokens that a text model writes, at the price of a device hour."""
    metrics: Measures = {}
    """On the validation split."""


class NoiseScale(Answer):
    """The noise scale tr Σ / |G|² of the gradients, in examples: of the later half of the measurements. A bound, or a
    value, that they do not give is null."""

    value: Measure = None
    low: Measure = None
    """With `high`, the 95 % interval."""
    high: Measure = None
    preconditioned: Measure = None
    """Of the gradients as AdamW sees them, each number over the root of its second moment."""
    preconditioned_low: Measure = None
    preconditioned_high: Measure = None
    measurements: int = 0
    share_of_training: Measure = None
    """Of the seconds of training, what measuring took."""


class Result(Answer):
    """What a run ended with. `metrics` are on the validation split, `test_metrics` on one that nothing else reads."""

    stopped_by: Literal["budget", "max_seconds", "target_loss"]
    train_loss: Measure = None
    val_loss: Measure = None
    metrics: Measures = {}
    test_metrics: Measures = {}
    noise_scale: Measure = None
    """In examples; `noise` says how sure it is, and what it cost."""
    noise: NoiseScale | None = None
    parameters: int
    peak_memory_bytes: int | None = None
    price: Measure = None
    """Seconds of training, on its devices, at the price of a device hour; null where none is set."""
    deployment: tuple[Deployment, ...] = ()


def _as_sent(spec: JobSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude_unset=True)


class Job(Answer):
    """A training job as it stands."""

    id: JobId
    state: State
    wish: Wish | None = None
    """What was asked of a running job and has not happened yet."""
    reason: Reason | None = None
    requested: Annotated[JobSpec, PlainSerializer(_as_sent, return_type=dict[str, Any])]
    """The spec as it was sent."""
    spec: JobSpec
    """The spec with every default filled in, and every `auto` once it is tuned; until then `units.tune` names it."""
    tuned: Tuned | None = None
    """What `auto` became, and why."""
    attempt: int = 0
    losses: int = 0
    """Attempts that ended because a worker or a trainer was lost."""
    created_at: Moment
    started_at: Moment | None = None
    ended_at: Moment | None = None
    queue: Queue | None = None
    progress: Progress = Progress()
    timings: Timings = Timings()
    result: Result | None = None
    fused: Fused | None = None
    """How the present, or the last, attempt trains; null until there is one."""
    hardware: str | None = None
    """Of the worker that trained it last: times are to be compared on one class of hardware only."""
    sweep: str | None = None
    """The sweep, study or transfer that it belongs to."""
    study: str | None = None
    transfer: str | None = None


class Checkpoint(Answer):
    """A moment of training that can be returned to."""

    step: int
    attempt: int
    bytes: int
    created_at: Moment


class Artifact(Answer):
    """A file that a finished job leaves."""

    name: str
    bytes: int
    sha256: str


class Estimate(Answer):
    """What a job would take, before it is submitted."""

    steps: int | None
    examples: int | None
    queue: Queue
    tuning: str | None = None
    """What will be tuned before the first step, in words; null: nothing."""


class DryRun(Answer):
    """The answer to `?dry_run=true`: the spec as it would run. Nothing was stored."""

    spec: JobSpec
    estimate: Estimate
