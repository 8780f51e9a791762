"""Assembly: from the specs of a group to everything that its training needs.  K lanes, N examples."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from unitscale.errors import Impossible
from unitscale.models import specs as words
from unitscale.models.datasets import Volume
from unitscale.models.growth import Growth, growth
from unitscale.models.resolution import total_steps
from unitscale.models.specs import JobSpec
from unitscale.models.units import Alphas, Units
from worker.trainer import sources
from worker.trainer.catalog import MODELS, TASKS, Laned, Model
from worker.trainer.coordinates import coordinates
from worker.trainer.data.examples import Examples
from worker.trainer.engine import kernels
from worker.trainer.engine.accumulation import Accumulation
from worker.trainer.engine.batches import Batches, GrowingBatches
from worker.trainer.engine.lengths import Lengths
from worker.trainer.engine.loop import Batch, Learner
from worker.trainer.engine.noise import Noise
from worker.trainer.engine.optimizer import optimizer
from worker.trainer.engine.padding import pad_features
from worker.trainer.engine.precision import NUMBERS
from worker.trainer.engine.scales import Probe, Scales
from worker.trainer.engine.schedules import Rates
from worker.trainer.engine.streams import StreamBatches
from worker.trainer.engine.weights import Shapes, Weights
from worker.trainer.exam import Exam, Forward, StreamedExam
from worker.trainer.layers.memory import Memory
from worker.trainer.material import Material
from worker.trainer.sources import Source
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kinds, Table


class Assembly(NamedTuple):
    """A group, ready to train."""

    learner: Learner
    batches: Batches | StreamBatches
    rates: Rates
    validation: Exam
    test: Exam
    steps: int
    config: dict[str, Any]
    """What `config.json` says of the model."""
    folds: dict[str, float]
    """What a weight is multiplied by to be one of plain layers; 1 where it is not named."""
    scales: Scales | None = None
    memory: Memory | None = None
    """What the model remembers of the windows before; part of the state that a checkpoint keeps."""

    def finished(self, lane: int) -> dict[str, Tensor]:
        """One lane's weights, as its files hold them: in fp32."""
        read = self.learner.weights.read(lane)
        return {name: weight.float() * self.folds.get(name, 1.0) for name, weight in read.items()}


def assemble(specs: Sequence[JobSpec], device: str, library: Path, uploaded: str | None = None) -> Assembly:
    """Raises Impossible where the specs cannot be trained together, BadDataset where an uploaded one cannot be read."""
    source = sources.uploaded(Path(uploaded)) if uploaded else sources.bundled(str(specs[0].dataset), library)
    _check_alike(specs, source.volume)
    spec, seeds = specs[0], [spec.seed for spec in specs]
    task, material = TASKS[spec.task], _material(spec, source)
    model, layers = MODELS[str(spec.model.kind)], built(spec.model, material.config)
    kinds, table = model.kinds(spec.model, shapes_of(layers)), table_of(spec.units, spec.model)
    numbers = NUMBERS[spec.units.precision]
    weights = _weights(model, kinds, table, seeds, Place(device, numbers.kept))
    alike = model, layers, weights, specs, kinds, table
    memory_length = spec.model.memory_length
    memory = Memory(memory_length) if memory_length else None
    forward, folds = _forward(*alike, memory=memory)
    training, *exams = [_laid_out(split, isinstance(model, Laned), len(specs), device) for split in material.splits]
    kernels.settle(kernels.suited(device, _multiplications(spec, training[0], kinds)))
    width, steps = material.config["outputs"], total_steps(spec, source.volume)
    grows = growth(spec)
    rates = _rates(specs, grows, steps, device)

    def losses(batch: Batch, parts: float = 1) -> Tensor:
        return task.losses(forward(batch[0], parts), batch[1], width)

    rule = optimizer(
        weights, specs, rates, {name: table.rate(kind, spec.optimizer.name) for name, kind in kinds.items()}
    )
    parts = Accumulation(losses, spec.units.micro_batch_size) if spec.units.micro_batch_size else None
    noise = None
    if spec.diagnostics.noise_scale:
        plain = coordinates(weights, losses, kinds, table, folds, training, spec.optimizer.name)
        noise = Noise(weights, losses, parts, Lengths(weights, specs, rule, plain), steps)
    learner = Learner(weights, losses, rule, parts, noise)

    def exam(laid_out: Batch, split: Examples) -> Exam:
        if not memory_length:
            return Exam(task, material.config, forward, laid_out, split)
        own = Memory(memory_length)
        return StreamedExam(own, task, material.config, _forward(*alike, memory=own)[0], laid_out, split)

    validation, test = map(exam, exams, material.splits[1:])
    sized = _batches(training, spec, seeds, grows, memory)
    scales = None
    if spec.diagnostics.scales_every is not None:
        probed, _ = _forward(*alike, probe=(probe := Probe()))
        scales = Scales(weights, lambda batch: task.losses(probed(batch[0]), batch[1], width), probe)
    return Assembly(learner, sized, rates, validation, test, steps, _config(spec, material), folds, scales, memory)


def _multiplications(spec: JobSpec, inputs: Tensor, kinds: Kinds) -> int:
    """In the largest product of a pass."""
    examples = spec.units.micro_batch_size or int(spec.units.batch_size)
    rows = examples if inputs.is_floating_point() else examples * inputs[0, 0].numel()
    return rows * max(torch.Size(kind.shape).numel() for kind in kinds.values())


def _batches(
    training: Batch, spec: JobSpec, seeds: Sequence[int], grows: Growth | None, memory: Memory | None
) -> Batches | StreamBatches:
    if memory is not None:
        return StreamBatches(*training, int(spec.units.batch_size), memory)
    if grows is not None:
        return GrowingBatches(*training, seeds, grows)
    return Batches(*training, seeds, int(spec.units.batch_size))


def _rates(specs: Sequence[JobSpec], grows: Growth | None, steps: int, device: str) -> Rates:
    peaks, schedules = [float(spec.units.learning_rate) for spec in specs], [spec.schedule for spec in specs]
    power = {"root": 0.5, "linear": 1.0}.get(specs[0].batch_schedule.rate_follows or "keep")
    if grows is None or power is None:
        return Rates(peaks, schedules, steps, device)
    last = int(specs[0].units.batch_size)
    return Rates(peaks, schedules, steps, device, lambda step: (grows.size(step) / last) ** power)


def _material(spec: JobSpec, source: Source) -> Material:
    splits = source.row.splits(source.tensors, spec.data.fraction, spec.model)
    return TASKS[spec.task].prepare(splits, source.row.facts(source.tensors))


def built(model: words.Model, config: dict[str, Any]) -> nn.Module:
    """A model's layers without numbers: first weights come from the parametrization, later ones from a file."""
    with torch.device("meta"):
        return MODELS[str(model.kind)].layers(model, tuple(config["inputs"]), config["outputs"])


def shapes_of(layers: nn.Module) -> Shapes:
    return {name: tuple(parameter.shape) for name, parameter in layers.named_parameters()}


def table_of(units: Units, model: words.Model) -> Table:
    """The table of a parametrization at the width of a model."""
    return Table(units.parametrization, (model.width or 1) / units.base_width if units.base_width else 1.0)


class Place(NamedTuple):
    """Where weights are kept, and in which numbers."""

    device: str
    dtype: torch.dtype


def _weights(model: Model, kinds: Kinds, table: Table, seeds: Sequence[int], place: Place) -> Weights:
    shapes = {name: kind.shape for name, kind in kinds.items()}
    weights = Weights(shapes, len(seeds), isinstance(model, Laned), *place)
    for lane, seed in enumerate(seeds):
        weights.write(lane, model.start(kinds, table, torch.Generator().manual_seed(seed)))
    return weights


def _forward(
    model: Model,
    layers: nn.Module,
    weights: Weights,
    specs: Sequence[JobSpec],
    kinds: Kinds,
    table: Table,
    *,
    probe: Probe | None = None,
    memory: Memory | None = None,
) -> tuple[Forward, dict[str, float]]:
    """The function of the group in the numbers it asks for, and by what its weights become those of plain layers."""
    numbers, folds = NUMBERS[specs[0].units.precision], dict[str, float]()
    like = weights.values.new_empty((), dtype=numbers.computed)
    if isinstance(model, Laned):
        alphas = tuple(spec.units.alphas or Alphas() for spec in specs)
        function = model.lanes(Plan(specs[0].model, kinds, table, alphas, like, numbers.casts, probe))
        outputs, folds = partial(function.outputs, **({"memory": memory} if memory else {})), function.folds()
    else:
        outputs = partial(_of_layers, layers)
    if numbers.computed is torch.float32:
        return lambda inputs, parts=1: outputs(weights.named, inputs, parts), folds
    return partial(_in_fewer_bits, outputs, weights, numbers.computed), folds


def _of_layers(layers: nn.Module, weights: Mapping[str, Tensor], inputs: Tensor, _parts: float = 1) -> Tensor:
    return functional_call(layers, dict(weights), (inputs[0],)).unsqueeze(0)


def _in_fewer_bits(outputs: Forward, weights: Weights, dtype: torch.dtype, inputs: Tensor, parts: float = 1) -> Tensor:
    cast = {name: weight.to(dtype) for name, weight in weights.named.items()}
    return outputs(cast, inputs.to(dtype) if inputs.is_floating_point() else inputs, parts).float()


def _laid_out(split: Examples, laned: bool, lanes: int, device: str) -> Batch:
    """(K, N, …) on the device, the lanes sharing memory; for laned models flat, and padded like their weights."""
    inputs, targets = split
    if laned and inputs.is_floating_point():
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
        "units": spec.units.model_dump(mode="json", include={"parametrization", "base_width", "alphas"}),
        **material.config,
    }


def _check_alike(specs: Sequence[JobSpec], volume: Volume | None) -> None:
    if len(specs) > 1 and not isinstance(MODELS[str(specs[0].model.kind)], Laned):
        raise Impossible(f"Models of kind {specs[0].model.kind} cannot be trained together.")
    if any(_shape(spec, volume) != _shape(specs[0], volume) for spec in specs):
        raise Impossible("Only jobs of the same shapes, data, batch size, steps and optimizer can be trained together.")


def _shape(spec: JobSpec, volume: Volume | None) -> tuple[Any, ...]:
    units = spec.units
    return (
        (spec.task, spec.dataset, spec.data, spec.model, spec.optimizer.name, total_steps(spec, volume)),
        (units.batch_size, units.micro_batch_size, units.precision, units.parametrization, units.base_width),
        (spec.batch_schedule, spec.evaluation.every_steps, spec.diagnostics),
    )
