"""Every way a request or a run can go wrong.

* ServiceError
  x Unauthorized
  x Forbidden
  x NotFound
  x Conflict
    + IllegalTransition
    + NotEnded
    + NoWeights
    + NoSuchFormat
    + DatasetInUse
  x Malformed            (422: the request itself)
    + Unsupported
    + IdempotencyMismatch
    + WrongInput
    + NoLaw
  x TooLarge
  x QuotaExceeded
  x Away                 (503: try again)
    + StoreAway
      + FilesAway
    + NoAnswer
    + NoWorker
    + Busy
  x LeaseLost            (told to a supervisor: a newer attempt holds the job)
  x TrainingError        (raised while training, kept as the job's `reason`)
    + OutOfMemory
    + Killed
    + Diverged
    + WorkerLost
    + BadDataset
    + Impossible
    + Internal
"""

from typing import ClassVar, Self


class ServiceError(Exception):
    """A fact in one sentence. `code` is its stable name for programs, `title` for people."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, message: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields
        """(JSON pointer, what is wrong there), for errors that name fields."""

    def below(self, pointer: str) -> Self:
        """The same of a document that holds, at this place, the one that was looked at."""
        return type(self)(self.message, tuple((pointer + at, detail) for at, detail in self.fields))


class Unauthorized(ServiceError):
    code = "unauthorized"
    title = "No valid API key"


class Forbidden(ServiceError):
    code = "forbidden"
    title = "The key lacks a scope"


class NotFound(ServiceError):
    code = "not_found"
    title = "Not found"


class Conflict(ServiceError):
    code = "conflict"
    title = "The state does not allow this"


class IllegalTransition(Conflict):
    code = "illegal_transition"
    title = "The job's state does not allow this"


class NotEnded(Conflict):
    code = "not_ended"
    title = "The job has not ended"


class NoWeights(Conflict):
    code = "no_weights"
    title = "The job has no trained weights"


class NoSuchFormat(Conflict):
    code = "no_such_format"
    title = "The model was not left in this format"


class DatasetInUse(Conflict):
    code = "dataset_in_use"
    title = "Unfinished jobs use the data set"


class Malformed(ServiceError):
    code = "malformed"
    title = "The request is malformed"


class Unsupported(Malformed):
    code = "unsupported"
    title = "This cannot be trained"


class IdempotencyMismatch(Malformed):
    code = "idempotency_mismatch"
    title = "The idempotency key was used with another body"

    def __init__(
        self,
        message: str = "This Idempotency-Key was used with another body in the last 24 hours.",
        fields: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message, fields)


class WrongInput(Malformed):
    code = "wrong_input"
    title = "The model cannot read this input"


class NoLaw(Malformed):
    code = "no_law"
    title = "No law can be fitted to this"


class TooLarge(ServiceError):
    code = "too_large"
    title = "The body is too large"


class QuotaExceeded(ServiceError):
    code = "quota_exceeded"
    title = "The project has too many unfinished jobs"


class Away(ServiceError):
    code = "away"
    title = "Temporarily unavailable"
    retry_after_seconds: ClassVar[int] = 2


class StoreAway(Away):
    code = "store_away"
    title = "The store is unavailable"


class FilesAway(StoreAway):
    code = "files_away"
    title = "The object store is unavailable"


class NoAnswer(Away):
    code = "no_answer"
    title = "No worker could answer"


class NoWorker(Away):
    code = "no_worker"
    title = "No worker has said yet what it can do"
    retry_after_seconds = 3  # so often workers describe themselves


class Busy(Away):
    code = "busy"
    title = "The service is busy"


class LeaseLost(ServiceError):
    code = "lease_lost"
    title = "The attempt no longer holds the job"


class TrainingError(ServiceError):
    code = "internal"
    title = "Training failed"


class OutOfMemory(TrainingError):
    code = "out_of_memory"
    title = "The device ran out of memory"


class Killed(TrainingError):
    code = "killed"
    title = "The trainer was killed, again and again"


class Diverged(TrainingError):
    code = "diverged"
    title = "The loss is no longer a number"

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(f"Loss became {loss} at step {step}. Lower learning_rate, or set clip_norm, or lower it.")


class WorkerLost(TrainingError):
    code = "worker_lost"
    title = "The worker was lost, again and again"


class BadDataset(TrainingError):
    code = "bad_dataset"
    title = "The data set cannot be used"


class Impossible(TrainingError):
    code = "impossible"
    title = "This worker cannot run the job"


class Internal(TrainingError):
    code = "internal"
    title = "The trainer failed"


def descendants(root: type[ServiceError]) -> list[type[ServiceError]]:
    """Every kind of error below `root`."""
    return [kind for child in root.__subclasses__() for kind in (child, *descendants(child))]


BY_CODE: dict[str, type[ServiceError]] = {kind.code: kind for kind in reversed(descendants(ServiceError))}
