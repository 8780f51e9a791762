"""The decoder that parametrizations are compared on: RoPE, RMSNorm without gains, SwiGLU of twice the width."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.trainer.assembly.assemble import Assembly, assemble
from worker.trainer.engine.loop import train

STEPS, LAST = 150, 20
"""Of a run; and those at its end whose training losses are averaged."""

Observe = Callable[[Assembly, int], None]


def a_spec(name: str, width: int, rate: float, seed: int, steps: int = STEPS, **more: Any) -> JobSpec:
    """Under the parametrization `name`; what else a spec says may be said, units as `units`."""
    units = {"batch_size": 16, "learning_rate": rate, "parametrization": name, **more.pop("units", {})}
    spec = {
        "task": "text-generation",
        "dataset": "shakespeare",
        "model": {"width": width, "depth": 2, "head_size": 16, "context": 32},
        "units": units,
        "optimizer": {"betas": [0.9, 0.95]},
        "schedule": {"name": "cosine", "warmup_steps": steps // 10},
        "budget": {"steps": steps},
        "seed": seed,
        **more,
    }
    return resolve(JobSpec.model_validate(spec), "cpu")


def trained(
    specs: Sequence[JobSpec], library: Path, observe: Observe = lambda _assembly, _step: None
) -> tuple[list[float], list[float]]:
    """Validation losses, and late training losses, of specs that train together, each step of which is observed."""
    assembly, losses = assemble(specs, "cpu", library), list[Tensor]()

    def hear(step: int, each: Tensor) -> None:
        losses.append(each)
        observe(assembly, step)

    train(assembly.learner, assembly.batches.start(1), 1, assembly.steps, hear)
    exam = assembly.validation
    return exam.losses(exam.outputs()), torch.stack(losses[-LAST:]).mean(0).tolist()
