"""Failures: what a job's caller is told of an error that ends it."""

import torch

from unitscale.errors import Impossible, Internal, OutOfMemory, TrainingError
from unitscale.models.jobs import Reason

UNUSED = "appears to not have been used in the graph"
"""How torch says it."""


def reason_for(error: BaseException) -> Reason:
    """A word for programs, a sentence for people."""
    failure = _failure(error)
    return Reason(code=failure.code, message=failure.message)


def _failure(error: BaseException) -> TrainingError:
    if isinstance(error, TrainingError):
        return error
    message = f"{type(error).__name__}: {error}".partition("\n")[0]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in message:
        return OutOfMemory(message)
    if UNUSED in message:
        return Impossible("A weight of the model takes no part in its outputs; use it, or freeze it.")
    return Internal(message)
