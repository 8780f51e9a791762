"""What is wrong with a document, field by field, in words: pydantic says it for every branch of a union on its own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unitscale.models.specs import DATASET_PATTERN

SHAPES = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
"""What pydantic calls a value of the wrong kind, and what was wanted."""
ALWAYS_SAID = {"tuple_type", "model_type", "model_attributes_type"}
"""Those that pydantic words as Python does."""
WORDS = {"literal_error", "enum"}
"""One of a few words was wanted."""
SHORT = {"too_short"}
"""Said of a list as well when one of its entries is wrong."""
PATTERNS = {
    DATASET_PATTERN: "A data set is a name from the catalog, or the id, ds_…, that an upload was given "
    "(`unitscale data upload FILE`)"
}
"""What a text of a pattern is."""
Error = Mapping[str, Any]


def told(errors: Iterable[tuple[str, Error]]) -> list[tuple[str, str]]:
    """(pointer, detail), once for each field, of what pydantic said at these pointers.

    A branch of a union that the value did not even resemble is left out where another one got further.
    """
    by_field: dict[str, list[Error]] = {}
    for pointer, error in errors:
        by_field.setdefault(pointer, []).append(error)
    above = {pointer[:at] for pointer in by_field for at, sign in enumerate(pointer) if sign == "/"}
    kept = {pointer: _kept(said, pointer in above) for pointer, said in by_field.items()}
    return [(pointer, _detail(said)) for pointer, said in kept.items() if said]


def _kept(errors: Sequence[Error], deeper: bool) -> Sequence[Error]:
    """Those that say something of the field itself."""
    return [each for each in errors if each["type"] not in SHAPES.keys() | SHORT] if deeper else errors


def _detail(errors: Sequence[Error]) -> str:
    words = [str(each["ctx"]["expected"]) for each in errors if each["type"] in WORDS]
    shapes = [SHAPES[each["type"]] for each in errors if each["type"] in SHAPES]
    further = [each for each in errors if each["type"] not in SHAPES.keys() | WORDS]
    if words:  # each of which is a text
        shapes = [shape for shape in shapes if shape != "a text"]
        further = [each for each in further if not str(each["type"]).startswith("string_")]
    if further:
        return " or: ".join(dict.fromkeys(map(message, further))) + "".join(f", or {word}" for word in words)
    if len(errors) == 1 and errors[0]["type"] not in ALWAYS_SAID:
        return message(errors[0])
    return "Input should be " + " or ".join(dict.fromkeys((*_widest(shapes), *words)))


def _widest(shapes: Sequence[str]) -> Sequence[str]:
    """A whole number is a number."""
    return [each for each in shapes if each != "a whole number" or "a number" not in shapes]


def message(error: Error) -> str:
    """What pydantic says, without its own words for lists."""
    if error["type"] == "string_pattern_mismatch" and (words := PATTERNS.get(error["ctx"]["pattern"])):
        return words
    said = str(error["msg"]).removeprefix("Value error, ")
    return said.replace("Tuple should", "List should").replace(" after validation", "")
