"""Values of a spec as people read them, without the marks of a programming language."""

from collections.abc import Mapping
from typing import Any


def spoken(value: Any) -> str:
    """A value that may hold others: {name: adamw, betas: [0.9, 0.95]}; four figures of a fraction."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {spoken(held)}" for key, held in value.items()) + "}"  # pyright: ignore[reportUnknownVariableType]  # of any kind
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(spoken, value)) + "]"  # pyright: ignore[reportUnknownArgumentType]  # as above
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
