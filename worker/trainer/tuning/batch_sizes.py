"""Batch sizes: what the noise of the gradients and memory speak for."""

import os
from collections.abc import Callable, Sequence
from math import floor, isfinite, log2

import torch

from unitscale.models import noise_runs, tuning
from unitscale.models.datasets import Volume
from unitscale.models.resolution import training_examples
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import TunedBatch
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.catalog import MODELS
from worker.trainer.engine.tracks import PLAIN, PRECONDITIONED
from worker.trainer.plugins import OwnModel

EVERY = 2
SMALLEST = 8
MEMORY_SHARE = 0.125
"""Of the machine's memory, what the activations of a batch may take."""
KEPT = 20
"""Numbers as wide as the model that a layer keeps of each token for its backward pass: an estimate."""
LOGITS_KEPT = 3
"""Numbers for each token and each word that it may be: a logit, its share, its gradient. Of attention every layer keeps
a share for each head and pair of tokens, and one layer at a time has their gradients."""
NUMBER_BYTES = 4

Run = Callable[[Sequence[JobSpec], str, Callable[[Assembly], None]], Assembly]


def found(spec: JobSpec, volume: Volume | None, run: Run, memory_bytes: int) -> TunedBatch:
    """The power of two next to the noise scale, within memory and the budget; the whole of a small table.

    `memory_bytes`: all that the device has.
    """
    if noise_runs.is_whole(spec, volume):
        examples = training_examples(spec, volume)
        return TunedBatch(value=examples, why=f"The whole training split of {examples} rows: small enough.")
    steps = noise_runs.length(spec, volume, isinstance(MODELS[str(spec.model.kind)], OwnModel))
    if isinstance(steps, str):
        return usual(spec, steps)
    noise = _noise(spec, steps, run)
    if noise is None:
        return usual(spec, "the noise of a short run gave no number")
    return bounded(spec, volume, noise, memory_bytes)


def usual(spec: JobSpec, why: str) -> TunedBatch:
    """The default."""
    return TunedBatch(value=int(spec.units.batch_size or 1), why=f"The default: {why}.")


def bounded(spec: JobSpec, volume: Volume | None, noise: float, memory_bytes: int) -> TunedBatch:
    """The power of two next to a noise scale, or as near to it as bounds leave."""
    bounds = {
        "the smallest there is": (SMALLEST, False),
        "the largest there is": (noise_runs.LARGEST, True),
        "memory": (_most_for_memory(spec, memory_bytes), True),
        f"{noise_runs.ENOUGH_STEPS} steps that the budget must leave": (noise_runs.most_for_budget(spec, volume), True),
        "the training split": (training_examples(spec, volume), True),
    }
    size, bound = 2.0 ** round(log2(max(noise, 1.0))), ""
    for words, (limit, upper) in bounds.items():
        if (size > limit) if upper else (size < limit):
            size, bound = float(limit), words
    value = 2 ** floor(log2(max(1.0, size)))
    why = f"The noise scale of a short run is {noise:.3g} examples; the next power of two"
    return TunedBatch(value=value, why=f"{why}{f', bounded by {bound}' if bound else ''}.", noise_scale=noise)


def _noise(spec: JobSpec, steps: int, run: Run) -> float | None:
    """Measured on the job's own model, its rate where tuning starts."""
    brief = tuning.short(spec, spec.model, steps, steps)
    diagnostics = brief.diagnostics.model_copy(update={"noise_scale": True})
    plain = spec.schedule.model_copy(update={"warmup_steps": min(spec.schedule.warmup_steps, steps // 5)})
    brief = brief.model_copy(update={"diagnostics": diagnostics, "schedule": plain})
    assembly = run([brief], "noise scale", _often)
    assert assembly.learner.noise is not None  # noqa: S101  it was asked for
    estimates = assembly.learner.noise.tracks[0].estimates()
    seen = estimates.get(PRECONDITIONED, estimates.get(PLAIN))
    return seen.value if seen is not None and isfinite(seen.value) and seen.value > 0 else None


def _often(assembly: Assembly) -> None:
    if assembly.learner.noise is not None:
        assembly.learner.noise.every = EVERY


def _most_for_memory(spec: JobSpec, memory_bytes: int) -> int:
    """Of a batch that comes in parts, only a part is in memory at a time."""
    if spec.units.micro_batch_size is not None:
        return noise_runs.LARGEST
    return max(1, floor(MEMORY_SHARE * memory_bytes / (NUMBER_BYTES * _numbers_kept(spec))))


def _numbers_kept(spec: JobSpec) -> int:
    """Of an example, for the backward pass: activations, attention's scores, logits. An estimate."""
    model = spec.model
    wide = int(model.width or (model.channels or 1) * tuning.FEATURES)
    depth, context = int(model.depth or 1), int(model.context or 1)
    heads = wide // model.head_size if model.head_size else 0
    scores = (depth + 1) * heads * context * (context + int(model.memory_length or 0))
    return KEPT * depth * wide * context + scores + LOGITS_KEPT * context * tuning.vocabulary(spec, model)


def memory_of(device: str) -> int:
    """Bytes that a device has."""
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)[1]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
