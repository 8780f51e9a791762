"""From pydantic's locations to JSON pointers into what was sent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from unitscale.models.misspelt import no_field
from unitscale.models.mistakes import told

MOST = 50
LONGEST = 200
SPECS = {
    "/v1/jobs": "",
    "/v1/sweeps": "/base",
    "/v1/studies": "/base",
    "/v1/transfers": "/base",
    "/v1/advice": "/spec",
}
"""Where a job's spec stands in what is sent to a path."""


@dataclass(frozen=True)
class Fields:
    """What is wrong, field by field; and whether the path itself is."""

    fields: tuple[tuple[str, str], ...]
    in_path: bool


def located(errors: Sequence[Mapping[str, Any]], body: Any, path: str) -> Fields:
    """One entry a field of what was sent to this path."""
    pointers = [_pointer(error, body)[:LONGEST] for error in errors]
    worded = [_worded(error, pointer, path) for error, pointer in zip(errors, pointers, strict=True)]
    found = told(zip(pointers, worded, strict=True))
    fields = tuple((pointer, detail[:LONGEST]) for pointer, detail in found[:MOST])
    return Fields(fields, any(error["loc"][0] == "path" for error in errors))


def _worded(error: Mapping[str, Any], pointer: str, path: str) -> Mapping[str, Any]:
    if error["type"] == "json_invalid":
        return {**error, "msg": f"This is not JSON: {error['ctx']['error']}."}
    if error["type"] == "extra_forbidden":
        return {**error, "msg": _no_field(pointer, path)}
    return error


def _no_field(pointer: str, path: str) -> str:
    """That there is no such field; of a job's spec, which one was probably meant."""
    found = re.fullmatch(rf"{SPECS[path]}/(.+)", pointer) if path in SPECS else None
    if found is None:
        return f"There is no field `{pointer.rpartition('/')[2]}` here."
    return no_field(found[1].replace("/", "."))


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
