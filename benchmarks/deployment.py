"""Deployment: GPT 6 × 384, context 256, served in fewer bits, against fp32, in turns and on one thread.

The model is trained for some steps on the catalog's `grammar`, so that the quality that is lost is a trained model's.
Ratios are of seconds of this process's CPU: what others do on the machine meanwhile counts little.
"""

import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.figures import MILLISECONDS, Figure, Ledger, median
from benchmarks.training.machine import multiplies_bf16
from unitscale.models.formats import Format, weights_file
from unitscale.models.jobs import Deployment
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.pipe import Ended, Lane, Train
from worker.trainer.deployment.decoder import Cache
from worker.trainer.deployment.serving import model_of
from worker.trainer.engine import kernels
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import train_group

FORMATS = [form for form in Format if form is not Format.BF16 or multiplies_bf16()]
"""bf16 is measured where the processor has instructions for it."""
SPEC = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 384, "depth": 6, "head_size": 64, "context": 256},
    "units": {"batch_size": 4, "learning_rate": 1e-3, "precision": "bf16-mixed" if multiplies_bf16() else "fp32"},
    "budget": {"steps": 80},
    "evaluation": {"every_steps": 80, "formats": [form.value for form in FORMATS]},
}
BATCH, PROMPT, WRITTEN = 8, 128, 16
TURNS = 15
FASTER = 2.5
SMALL = [form for form in FORMATS if form is not Format.FP32]


class Ear:
    """Hears how the job ends, and nothing else."""

    ended: Ended

    def send(self, message: object) -> None:
        if isinstance(message, Ended):
            self.ended = message


def measure(ledger: Ledger) -> None:
    """Train, then answer in each format in turns."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        ended = _trained(Path(folder))
        assert ended.result, ended.reason
        models = _models(Path(folder) / "artifacts")
    _quality(ledger, ended.result.deployment)
    with kernels.multiplying_by(kernels.DEFAULT):
        _speed(ledger, models)
    with kernels.multiplying_by(kernels.best()), torch.inference_mode():
        run = partial(models[Format.FP32], _text())
        seconds = median([_cpu_seconds(run) for _ in range(TURNS)])
    ledger.note(Figure(f"{BATCH} texts of 256 tokens, fp32 as training multiplies", seconds * MILLISECONDS, "ms CPU"))


def _text() -> Tensor:
    return torch.randint(0, 20, (BATCH, 256), generator=torch.Generator().manual_seed(0))


def _speed(ledger: Ledger, models: dict[Format, nn.Module]) -> None:
    """fp32 as torch multiplies unless told otherwise, and as predictions do."""
    text = _text()
    _compare(ledger, f"{BATCH} texts of 256 tokens", models, lambda model: partial(model, text), FASTER)
    _compare(ledger, "one text of 256 tokens", models, lambda model: partial(model, text[:1]), None)
    _compare(ledger, f"first token after {PROMPT}", models, lambda model: partial(_read, model, text[:1]), None)
    for texts in (1, BATCH):
        what = f"{WRITTEN} tokens of {texts} {'text' if texts == 1 else 'texts at once'}"
        _compare(ledger, what, models, lambda model, n=texts: _writing(model, text[:n]), None)


def _trained(folder: Path) -> Ended:
    lane = Lane(job="bench", attempt=1, spec=resolve(JobSpec.model_validate(SPEC), "cpu"), folder=str(folder))
    ear = Ear()
    train_group(Train(lanes=(lane,)), ear, Interrupt(), folder / "library")  # type: ignore[arg-type]  # it only speaks
    return ear.ended


def _models(folder: Path) -> dict[Format, nn.Module]:
    config = json.loads((folder / "config.json").read_text())
    return {form: model_of(load_file(folder / weights_file(form)), config, form) for form in FORMATS}


def _quality(ledger: Ledger, found: tuple[Deployment, ...]) -> None:
    fp32, *small = found
    ledger.note(Figure("fp32, bits per character", fp32.metrics["bits_per_character"] or 0.0))
    for form in small:
        lost = (form.metrics["bits_per_character"] or 0.0) - (fp32.metrics["bits_per_character"] or 0.0)
        ledger.note(Figure(f"{form.format}: bits per character more than in fp32", lost))
        ledger.note(Figure(f"{form.format}: file / fp32's", form.bytes / fp32.bytes))


def _compare(
    ledger: Ledger,
    what: str,
    models: dict[Format, nn.Module],
    running: Callable[[nn.Module], Callable[[], object]],
    at_least: float | None,
) -> None:
    with torch.inference_mode():
        runs = {form: running(model) for form, model in models.items()}
        turns = [{form: _cpu_seconds(run) for form, run in runs.items()} for _ in range(TURNS + 1)][1:]
    ledger.note(Figure(f"{what}, fp32", median(turn[Format.FP32] for turn in turns) * MILLISECONDS, "ms CPU"))
    for form in SMALL:
        ratio = median(turn[Format.FP32] / turn[form] for turn in turns)
        ledger.note(Figure(f"{what}, {form.value}: times faster", ratio, at_least=at_least))


def _cpu_seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def _read(model: nn.Module, text: Tensor) -> tuple[Tensor, Cache]:
    cache = Cache()
    return model.next(text[:, :PROMPT], cache).argmax(1, keepdim=True), cache


def _writing(model: nn.Module, text: Tensor) -> Callable[[], None]:
    token, cache = _read(model, text)

    def write() -> None:
        for _ in range(WRITTEN):
            model.next(token, cache)

    return write
