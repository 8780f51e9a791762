"""Results: the files a trained model leaves, and what is said of it."""

import hashlib
import json
import resource
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor

from unitscale.models.formats import Format, weights_file
from unitscale.models.jobs import Artifact, Deployment, NoiseScale, Result
from worker.trainer.engine.ratios import Ratio
from worker.trainer.engine.tracks import PLAIN, PRECONDITIONED, Track
from worker.trainer.inference.sequences import TOKENIZER, VOCABULARY
from worker.trainer.runs.durable import new_folders

StoppedBy = Literal["budget", "max_seconds", "target_loss"]

Contents = tuple[Mapping[Format, Mapping[str, Tensor]], Mapping[str, Any]]
"""A trained model's weights in each format, and JSON documents."""

CONFIG = "config.json"
KIBIBYTE = 1024
UNKNOWN = Ratio(nan, nan, nan)


def described(config: dict[str, Any]) -> dict[str, Any]:
    """What `config.json` keeps: a vocabulary of pairs has a file of its own."""
    return {CONFIG: {name: value for name, value in config.items() if name != VOCABULARY}}


def config_of(folder: Path) -> dict[str, Any]:
    """What the documents in `folder` say of a model, with its vocabulary where it has one."""
    tokenizer = folder / TOKENIZER
    words = {VOCABULARY: tokenizer.read_text("utf-8")} if tokenizer.exists() else {}
    return {**json.loads((folder / CONFIG).read_text("utf-8")), **words}


def leave(folders: Sequence[Path], contents: Iterable[Contents]) -> list[tuple[Artifact, ...]]:
    """Write what each of some lanes leaves, made one after the other, to a folder of its own, whole and fsynced."""
    with new_folders(folders) as unfinished:
        for folder, (weights, documents) in zip(unfinished, contents, strict=True):
            _write(folder, weights, documents)
    return [tuple(_artifact(file) for file in sorted(folder.iterdir())) for folder in folders]


def _write(folder: Path, weights: Mapping[Format, Mapping[str, Tensor]], documents: Mapping[str, Any]) -> None:
    for form, tensors in weights.items():
        save_file({name: tensor.cpu() for name, tensor in tensors.items()}, folder / weights_file(form))
    for name, content in documents.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")


def result(
    stopped_by: StoppedBy,
    losses: tuple[float | None, float],
    metrics: tuple[dict[str, float], dict[str, float]],
    parameters: int,
    price: float | None,
    deployment: Sequence[Deployment],
    noise: NoiseScale | None = None,
) -> Result:
    """What a run ended with. `losses` are of training and validation, `metrics` of validation and test."""
    return Result(
        stopped_by=stopped_by,
        train_loss=losses[0],
        val_loss=losses[1],
        metrics=metrics[0],
        test_metrics=metrics[1],
        noise_scale=noise.value if noise else None,
        noise=noise,
        parameters=parameters,
        peak_memory_bytes=_peak_memory_bytes(),
        price=price,
        deployment=tuple(deployment),
    )


def noise(track: Track, seconds: float) -> NoiseScale:
    """What was measured of the gradients' noise in so many seconds of training."""
    estimates = track.estimates()
    value, low, high = estimates.get(PLAIN, UNKNOWN)
    of_adamw = estimates.get(PRECONDITIONED, UNKNOWN)
    return NoiseScale(
        value=value,
        low=low,
        high=high,
        preconditioned=of_adamw.value,
        preconditioned_low=of_adamw.low,
        preconditioned_high=of_adamw.high,
        measurements=len(track.measurements),
        share_of_training=track.seconds / seconds,
    )


def _artifact(file: Path) -> Artifact:
    content = file.read_bytes()
    return Artifact(name=file.name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _peak_memory_bytes() -> int:
    """Of the device if one is used, else of this process. Jobs that train together share it."""
    if torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
