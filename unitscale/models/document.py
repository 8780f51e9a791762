"""What every word that crosses a process border has in common."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as it counts, no look-alikes


class Document(BaseModel):
    """Base of everything that crosses a process border: immutable, no stray fields, no NaN."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, validate_default=True
    )


class Answer(Document):
    """Base of what the service says: a client of an older version reads past fields it does not know."""

    model_config = ConfigDict(extra="ignore")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))) else value


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    AfterValidator(lambda moment: moment.astimezone(UTC)),
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
]
"""A time: RFC 3339, UTC, milliseconds."""

Measure = Annotated[float | None, BeforeValidator(_finite)]
"""A measured number; null where it is not finite or was not measured."""

Measures = dict[str, Measure]


def moment(milliseconds: float) -> datetime:
    """The time that lies this many milliseconds after 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def new_id(kind: str, milliseconds: int) -> str:
    """A new id such as `job_06ct2…`: ids of one kind sort by the time they were made."""
    return derived_id(kind, milliseconds, secrets.randbits(52))


def derived_id(kind: str, milliseconds: int, digits: int) -> str:
    """The id of this kind, moment and 52 bits."""
    number = (milliseconds << 52) | (digits & (1 << 52) - 1)
    return f"{kind}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(95, -1, -5))


def made_at(some_id: str) -> int:
    """When an id was made, in milliseconds."""
    number = 0
    for letter in some_id.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(letter)
    return number >> 52


def id_field(kind: str) -> Any:
    """The pattern that ids of one kind follow."""
    return Field(pattern=f"^{kind}_[0-9a-z]{{20}}$", examples=[f"{kind}_06g1m2c8kq7v3x9t4b5n"])


JobId = Annotated[str, id_field("job")]
