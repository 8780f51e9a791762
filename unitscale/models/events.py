"""What happens to a job, for readers who follow."""

from typing import Any, Literal

from unitscale.models.document import Answer, Moment

EventType = Literal["state", "points", "log", "checkpoint", "end"]


class Event(Answer):
    """Something that happened. `points` and `end` are only streamed; the record holds points in the curves.

    `state`: {state, wish, attempt, reason}; `checkpoint`: {step, attempt}; `log`: {line, attempt};
    `points`: {curves, last_step}; `end`: {state}.
    """

    id: str
    type: EventType
    at: Moment | None = None
    data: dict[str, Any]


class LogLine(Answer):
    """One line that a trainer wrote."""

    at: Moment
    attempt: int
    line: str
