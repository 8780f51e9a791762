"""From pydantic's locations to JSON pointers into what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from unitscale.models.mistakes import told

MOST = 50
LONGEST = 200


@dataclass(frozen=True)
class Fields:
    """What is wrong, field by field; and whether the path itself is."""

    fields: tuple[tuple[str, str], ...]
    in_path: bool


def located(errors: Sequence[Mapping[str, Any]], body: Any) -> Fields:
    """One entry a field."""
    found = told((_pointer(error, body)[:LONGEST], _worded(error)) for error in errors)
    fields = tuple((pointer, detail[:LONGEST]) for pointer, detail in found[:MOST])
    return Fields(fields, any(error["loc"][0] == "path" for error in errors))


def _worded(error: Mapping[str, Any]) -> Mapping[str, Any]:
    if error["type"] == "json_invalid":
        return {**error, "msg": f"This is not JSON: {error['ctx']['error']}."}
    return error


def _pointer(error: Mapping[str, Any], body: Any) -> str:
    place, *parts = error["loc"]
    if place == "query":
        return f"?{parts[0]}"
    if place in ("header", "cookie"):
        return f"{str(parts[0]).title()}:"
    return "" if error["type"] == "json_invalid" else into(body, parts, missing=error["type"] == "missing")


def into(body: Any, parts: Sequence[str | int], missing: bool) -> str:
    """The pointer to the deepest of these parts that was sent.

    pydantic's locations also name branches of unions and the like, which the body does not hold. A missing field is
    not in the body either, but it is what the error is about.
    """
    pointer = ""
    for number, part in enumerate(parts):
        if _holds(body, part):
            body = body[part]
        elif not (missing and number == len(parts) - 1):
            continue
        pointer += "/" + str(part).replace("~", "~0").replace("/", "~1")
    return pointer


def _holds(body: Any, part: str | int) -> bool:
    if isinstance(body, dict):
        return part in body
    return isinstance(body, list) and isinstance(part, int) and part < len(cast("list[Any]", body))
