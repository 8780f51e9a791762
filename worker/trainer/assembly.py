"""Assembly: from the specs of a group to everything that its training needs.  K lanes, N examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from unitscale.errors import Impossible
from unitscale.models.resolution import total_steps
from unitscale.models.specs import JobSpec
from worker.trainer import sources
from worker.trainer.catalog import MODELS, TASKS, Laned, Model
from worker.trainer.data.examples import Examples, cut
from worker.trainer.engine.batches import Batches
from worker.trainer.engine.loop import Batch, Learner
from worker.trainer.engine.optimizer import optimizer
from worker.trainer.engine.padding import pad_features
from worker.trainer.engine.schedules import Rates
from worker.trainer.engine.weights import Weights
from worker.trainer.exam import Exam, Forward
from worker.trainer.material import Material
from worker.trainer.sources import Source


class Assembly(NamedTuple):
    """A group, ready to train."""

    learner: Learner
    batches: Batches
    rates: Rates
    validation: Exam
    test: Exam
    steps: int
    config: dict[str, Any]
    """What `config.json` says of the model."""


def assemble(specs: Sequence[JobSpec], device: str, library: Path, uploaded: str | None = None) -> Assembly:
    """Raises Impossible where the specs cannot be trained together, BadDataset where an uploaded one cannot be read."""
    dataset = sources.uploaded(Path(uploaded)) if uploaded else sources.bundled(str(specs[0].dataset), library)
    _check_alike(specs, dataset.training)
    spec, seeds = specs[0], [spec.seed for spec in specs]
    task, material = TASKS[spec.task], _material(spec, dataset)
    model, layers = MODELS[str(spec.model.kind)], _layers(spec, material)
    weights = _weights(model, layers, seeds, device)
    forward = _forward(model, layers, weights)
    training, *exams = [_laid_out(split, isinstance(model, Laned), len(specs), device) for split in material.splits]
    width, steps = material.config["outputs"], total_steps(spec, dataset.training)
    rates = Rates([float(spec.units.learning_rate) for spec in specs], [spec.schedule for spec in specs], steps, device)
    learner = Learner(
        weights,
        lambda batch: task.losses(forward(batch[0]), batch[1], width),
        optimizer(weights, specs, rates),
    )
    validation, test = (
        Exam(task, material.config, forward, laid_out, split)
        for laid_out, split in zip(exams, material.splits[1:], strict=True)
    )
    batches = Batches(*training, seeds, int(spec.units.batch_size))
    return Assembly(learner, batches, rates, validation, test, steps, _config(spec, material))


def _material(spec: JobSpec, dataset: Source) -> Material:
    splits = cut(*dataset.tensors, dataset.validation, dataset.test, spec.data.fraction)
    material = TASKS[spec.task].prepare(splits, standardized=dataset.standardized)
    return Material(material.splits, material.config | dataset.words)


def _layers(spec: JobSpec, material: Material) -> nn.Sequential:
    with torch.device("meta"):  # shapes and names only: first weights come from the parametrization
        return MODELS[str(spec.model.kind)].layers(
            spec.model, tuple(material.config["inputs"]), material.config["outputs"]
        )


def _weights(model: Model, layers: nn.Sequential, seeds: Sequence[int], device: str) -> Weights:
    shapes = {name: tuple(parameter.shape) for name, parameter in layers.named_parameters()}
    weights = Weights(shapes, len(seeds), isinstance(model, Laned), device)
    for lane, seed in enumerate(seeds):
        weights.write(lane, model.start(shapes, torch.Generator().manual_seed(seed)))
    return weights


def _forward(model: Model, layers: nn.Sequential, weights: Weights) -> Forward:
    if isinstance(model, Laned):
        return lambda inputs: model.outputs(weights.named, inputs)
    return lambda inputs: functional_call(layers, weights.named, (inputs[0],)).unsqueeze(0)


def _laid_out(split: Examples, laned: bool, lanes: int, device: str) -> Batch:
    """(K, N, …) on the device, the lanes sharing memory; for laned models flat, and padded like their weights."""
    inputs, targets = split
    if laned:
        inputs = pad_features(inputs.flatten(1))
        targets = pad_features(targets) if targets.is_floating_point() else targets
    return _shared(inputs.to(device), lanes), _shared(targets.to(device), lanes)


def _shared(tensor: Tensor, lanes: int) -> Tensor:
    return tensor.contiguous().expand(lanes, *tensor.shape)


def _config(spec: JobSpec, material: Material) -> dict[str, Any]:
    return {
        "format": 1,
        "task": spec.task.value,
        "dataset": spec.dataset,
        "model": spec.model.model_dump(exclude_none=True),
        **material.config,
    }


def _check_alike(specs: Sequence[JobSpec], examples: int) -> None:
    if len(specs) > 1 and not isinstance(MODELS[str(specs[0].model.kind)], Laned):
        raise Impossible(f"Models of kind {specs[0].model.kind} cannot be trained together.")
    if any(_shape(spec, examples) != _shape(specs[0], examples) for spec in specs):
        raise Impossible("Only jobs of the same shapes, data, batch size, steps and optimizer can be trained together.")


def _shape(spec: JobSpec, examples: int) -> tuple[Any, ...]:
    units = spec.units
    return (
        (spec.task, spec.dataset, spec.data, spec.model, spec.optimizer.name, total_steps(spec, examples)),
        (units.batch_size, units.precision, units.parametrization, spec.evaluation.every_steps),
    )
