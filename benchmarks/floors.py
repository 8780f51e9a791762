"""What the default spec of every task reaches, on the catalog's data, over HTTP; one thread a job, two jobs at a time.

Takes about six minutes. What `make data` brings is taken from the data directory of the settings.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

from benchmarks.figures import Figure, Ledger
from benchmarks.service import service
from unitscale.client import Client
from unitscale.models.jobs import Job
from unitscale.wire.settings import Settings

TRAINING, EXAM = 310, 66
"""Examples of `diabetes`, and of each of its exams."""


class Floor(NamedTuple):
    """A default spec, and what it must reach."""

    spec: dict[str, Any]
    reached: Callable[[Client, Job], dict[str, float]]
    at_least: float | None = None
    at_most: float | None = None
    """Of the first thing that is reached."""


def measure(ledger: Ledger) -> None:
    """All jobs are handed in at once."""
    library = Settings.of_environment().data_folder / "cache"
    os.environ["UNITSCALE_LIBRARY_DIR"] = str(library)
    with service(nodes=2) as stack, stack.client() as client:
        jobs = [(name, floor, client.submit(floor.spec)) for name, floor in floors(library).items()]
        for name, floor, job in jobs:
            _note(ledger, name, floor, client, client.wait(job.id))


def floors(library: Path) -> dict[str, Floor]:
    """The longest jobs first."""

    def beside_least_squares(_client: Client, job: Job) -> dict[str, float]:
        squares = _least_squares(library)
        return {"R² below least squares'": squares - (job.result.metrics["r2"] or 0), "least squares' R²": squares}  # type: ignore[union-attr]

    return {
        "text-generation": Floor({"task": "text-generation"}, _metrics("bits_per_character"), at_most=2.6),
        "translation": Floor({"task": "translation"}, _perplexity_left, at_most=0.5),
        "translation to Chinese": Floor({"task": "translation", "dataset": "ui-en-zh"}, _perplexity_left, at_most=0.5),
        "masked-language-modeling": Floor({"task": "masked-language-modeling"}, _metrics("perplexity", "accuracy")),
        "speech-recognition": Floor({"task": "speech-recognition"}, _metrics("cer", "wer"), at_most=0.6),
        "question-answering": Floor({"task": "question-answering"}, _metrics("exact_match", "f1"), at_least=0.7),
        "image-classification": Floor({"task": "image-classification"}, _metrics("accuracy"), at_least=0.93),
        "regression": Floor({"task": "regression", "dataset": "diabetes"}, beside_least_squares, at_most=0.02),
    }


def _note(ledger: Ledger, name: str, floor: Floor, client: Client, job: Job) -> None:
    assert job.result is not None, f"{name}: {job.reason}"
    (first, value), *others = floor.reached(client, job).items()
    ledger.note(Figure(f"{name}: {first}", value, at_least=floor.at_least, at_most=floor.at_most))
    for what, number in others:
        ledger.note(Figure(f"{name}: {what}", number))
    seconds = (job.timings.training_seconds or 0) + (job.timings.evaluation_seconds or 0)
    ledger.note(Figure(f"{name}: training and evaluation", seconds, "s"))


def _metrics(*names: str) -> Callable[[Client, Job], dict[str, float]]:
    def reached(_client: Client, job: Job) -> dict[str, float]:
        assert job.result is not None
        of_test = {f"{name}, test": job.result.test_metrics[name] for name in names}
        return {name: value or 0.0 for name, value in ({n: job.result.metrics[n] for n in names} | of_test).items()}

    return reached


def _perplexity_left(client: Client, job: Job) -> dict[str, float]:
    """Validation perplexity at the end over that at its first evaluation, a tenth of the run; and what is written."""
    curve = client.curves(job.id, keys=["val_perplexity"]).curves["val_perplexity"].value
    first, last = float(curve[0] or 0), float(curve[-1] or 0)
    written = _metrics("bleu", "chrf")(client, job)
    return {"perplexity over that at a tenth of the run": last / first, "perplexity": last, **written}


def _least_squares(library: Path) -> float:
    """R² on the validation split of the line fitted to the training split."""
    tensors = load_file(next(library.glob("diabetes-*.safetensors")))
    inputs = np.c_[tensors["inputs"].astype(np.float64), np.ones(len(tensors["inputs"]))]
    targets = tensors["targets"][:, 0].astype(np.float64)
    weights = np.linalg.lstsq(inputs[:TRAINING], targets[:TRAINING], rcond=None)[0]
    exam = slice(TRAINING, TRAINING + EXAM)
    unexplained = np.square(targets[exam] - inputs[exam] @ weights).sum()
    return float(1 - unexplained / np.square(targets[exam] - targets[exam].mean()).sum())
