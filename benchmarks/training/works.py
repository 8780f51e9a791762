"""What is trained to measure the engine: the same work for every loop."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec

LONG = 10**9
LIBRARY = Path(os.environ.get("UNITSCALE_CACHE_DIR") or Path.home() / ".cache" / "unitscale")


@dataclass(frozen=True)
class Work:
    """A spec, and how much of it is one turn."""

    spec: dict[str, Any]
    steps: int
    """In a turn: enough for the reporter's ten flushes a second to count."""
    precision: str = "fp32"
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def resolved(self) -> JobSpec:
        """As a worker would get it; it never ends, and is neither evaluated nor saved meanwhile."""
        never = {"budget": {"steps": LONG}, "checkpoint": {"every_seconds": 86_400}}
        units = {**self.spec.get("units", {}), "precision": self.precision}
        return resolve(JobSpec.model_validate({**self.spec, **never, **self.extra, "units": units}), "cpu")

    @property
    def flops(self) -> float:
        """Of a step of a decoder: three passes of two for each weight (10 D² a block) and for attention (2 T D)."""
        model, batch = self.resolved.model, int(self.resolved.units.batch_size)
        width, depth, context = int(model.width or 0), int(model.depth or 0), int(model.context or 0)
        return 6 * batch * context * depth * (10 * width**2 + 2 * context * width)


def text(width: int, depth: int, head_size: int, context: int, batch: int) -> dict[str, Any]:
    """A decoder on a small text."""
    sizes = {"width": width, "depth": depth, "head_size": head_size, "context": context}
    units = {"batch_size": batch, "learning_rate": 1e-3}
    return {"task": "text-generation", "dataset": "grammar", "model": sizes, "units": units}


SMALL, LARGE, TINY = text(128, 4, 32, 128, 16), text(384, 6, 64, 256, 8), text(64, 2, 16, 64, 8)
LONG_CONTEXT = text(256, 2, 64, 1024, 2)


def unit_scaled(spec: dict[str, Any]) -> dict[str, Any]:
    """The same under u-μP."""
    return {**spec, "units": {**spec["units"], "parametrization": "u-mup", "learning_rate": 0.5}}


COMPILED = {"resources": {"compile": True}}

WORKS: dict[str, Work] = {
    "linear": Work({"task": "regression", "dataset": "diabetes"}, 4000),
    "mlp": Work({"task": "image-classification", "dataset": "digits", "model": {"kind": "mlp"}}, 1500),
    "cnn": Work({"task": "image-classification", "dataset": "digits"}, 300),
    "gpt-4x128": Work(SMALL, 3),
    "gpt-4x128-bf16": Work(SMALL, 5, "bf16-mixed"),
    "gpt-4x128-compiled": Work(SMALL, 3, extra=COMPILED),
    "gpt-4x128-bf16-compiled": Work(SMALL, 5, "bf16-mixed", COMPILED),
    "gpt-4x128-u-mup": Work(unit_scaled(SMALL), 3),
    "gpt-4x128-u-mup-compiled": Work(unit_scaled(SMALL), 3, extra=COMPILED),
    "gpt-2x64": Work(TINY, 20),
    "gpt-2x64-u-mup": Work(unit_scaled(TINY), 20),
    "gpt-2x256-t1024": Work(LONG_CONTEXT, 2),
    "gpt-2x256-t1024-bf16": Work(LONG_CONTEXT, 2, "bf16-mixed"),
    "gpt-6x384": Work(LARGE, 1),
    "gpt-6x384-bf16": Work(LARGE, 1, "bf16-mixed"),
    "gpt-6x384-compiled": Work(LARGE, 1, extra=COMPILED),
    "gpt-6x384-bf16-compiled": Work(LARGE, 1, "bf16-mixed", COMPILED),
}
