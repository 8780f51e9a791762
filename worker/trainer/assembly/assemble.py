"""Assembly: from the specs of a group to everything that its training needs.  K lanes, N examples."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from unitscale.errors import Impossible
from unitscale.models.alike import shape, why_alone
from unitscale.models.datasets import Volume
from unitscale.models.growth import Sizes, growth
from unitscale.models.resolution import examples_to_see, total_steps
from unitscale.models.specs import JobSpec, Model
from worker.trainer.assembly import sources
from worker.trainer.assembly.blueprint import Blueprint, Losses, built
from worker.trainer.catalog import MODELS, check_known
from worker.trainer.engine import kernels
from worker.trainer.engine.accumulation import Accumulation, Terms
from worker.trainer.engine.batches import Batches, GrowingBatches
from worker.trainer.engine.compiling import compiled
from worker.trainer.engine.corruption import CorruptedBatches
from worker.trainer.engine.following import Following
from worker.trainer.engine.lengths import Lengths
from worker.trainer.engine.loop import Batch, Learner
from worker.trainer.engine.modules import PlainModule
from worker.trainer.engine.noise import Noise
from worker.trainer.engine.optimizer import Optimizer, optimizer
from worker.trainer.engine.ranks import Ranks, Word
from worker.trainer.engine.scales import Probe, Scales
from worker.trainer.engine.scaling import Scaled
from worker.trainer.engine.schedules import Rates
from worker.trainer.engine.streams import StreamBatches
from worker.trainer.engine.tracks import PLAIN, PRECONDITIONED
from worker.trainer.evaluation.evaluator import Evaluator, StreamedEvaluator
from worker.trainer.layers.memory import Memory
from worker.trainer.plugins import OwnModel
from worker.trainer.protocols import CorruptsInputs, Laned, VariableLength
from worker.trainer.units.coordinates import coordinates

AnyBatches = Batches | StreamBatches | CorruptedBatches

POWERS = {"keep": 0.0, "root": 0.5, "linear": 1.0}
"""Of the batch size over its last, by which the learning rate is multiplied."""


class Assembly(NamedTuple):
    """A group, ready to train."""

    learner: Learner
    batches: AnyBatches
    rates: Rates
    validation: Evaluator
    test: Evaluator
    length: Callable[[], int]
    config: dict[str, Any]
    """What `config.json` says of the model."""
    folds: dict[str, float]
    """What a weight is multiplied by to be one of plain layers; 1 where it is not named."""
    scales: Scales | None = None
    memory: Memory | None = None
    """What the model remembers of the windows before; part of the state that a checkpoint keeps."""
    module: PlainModule | None = None
    """Of a model that has no lanes."""

    @property
    def state(self) -> dict[str, Tensor]:
        """Name → (K, …): with the weights, all tensors that the next step depends on."""
        return {**self.learner.optimizer.state, **(self.module.state if self.module else {})}

    following: Following | None = None
    """Batch sizes, where they grow with the noise scale."""

    @property
    def steps(self) -> int:
        """Of the whole run, as far as is known: batches that grow take fewer."""
        return self.length()

    def hear_noise(self, step: int) -> None:
        """Let batches follow what was measured at a step, if anything: of the noise that the optimizer sees."""
        if self.following is None or self.learner.noise is None or not self.learner.noise.is_due(step):
            return
        estimates = self.learner.noise.tracks[0].estimates()
        seen = estimates.get(PRECONDITIONED, estimates.get(PLAIN))
        if seen is not None and self.following.hear(step, seen.low):
            self.rates.forget()

    def finished(self, lane: int) -> dict[str, Tensor]:
        """One lane's weights, as its files hold them: in fp32."""
        read = self.learner.weights.read(lane)
        weights = {name: weight.float() * self.folds.get(name, 1.0) for name, weight in read.items()}
        return {**weights, **(self.module.finished() if self.module else {})}

    def restored(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Plain layers with such weights, on the CPU."""
        layers = built(Model.model_validate(self.config["model"]), self.config)
        layers.load_state_dict({name: weight.cpu() for name, weight in weights.items()}, assign=True)
        return layers


def assemble(
    specs: Sequence[JobSpec], device: str, library: Path, uploaded: str | None = None, ranks: Ranks | None = None
) -> Assembly:
    """Raises Impossible where the specs cannot be trained together, BadDataset where an uploaded one cannot be read."""
    source = sources.uploaded(Path(uploaded)) if uploaded else sources.bundled(str(specs[0].dataset), library)
    check_known(specs[0].task, str(specs[0].model.kind))
    _check_alike(specs, source.volume, ranks)
    blueprint, steps = Blueprint(specs, device, source), total_steps(specs[0], source.volume)
    memory = _memory(blueprint.spec)
    losses, training = blueprint.losses(blueprint.forward(memory=memory)), blueprint.laid_out(blueprint.splits.training)
    kernels.settle(kernels.suited(device, _multiplications(blueprint, training[0])))
    following = _following(blueprint.spec)
    sizes = following or growth(blueprint.spec)
    rates = _rates(specs, sizes, steps, device)
    rule = optimizer(blueprint.weights, specs, rates, blueprint.shares())
    of_steps = compiled(losses, library) if blueprint.spec.resources.compile else losses
    parts, batches = _accumulation(blueprint, of_steps, ranks), _batches(blueprint, training, memory, sizes)
    apart = memory.apart(losses) if memory else losses
    noise = _noise(blueprint, apart, (parts, ranks), rule, batches, steps)
    scaled = Scaled(blueprint.weights, rule) if blueprint.numbers.scaled else None
    return Assembly(
        learner=Learner(blueprint.weights, of_steps, scaled or rule, parts, noise, ranks, scaled),
        batches=batches,
        rates=rates,
        validation=_evaluator(blueprint, 0, (ranks, Word.VALIDATION)),
        test=_evaluator(blueprint, 1, (ranks, Word.TEST)),
        length=_length(blueprint.spec, following, steps, source.volume),
        config=_config(blueprint),
        folds=blueprint.folds,
        scales=_scales(blueprint, memory),
        memory=memory,
        module=blueprint.module,
        following=following,
    )


def _following(spec: JobSpec) -> Following | None:
    if spec.batch_schedule.name != "noise-scale":
        return None
    return Following(int(spec.batch_schedule.initial_batch_size or 1), int(spec.units.batch_size))


def _length(spec: JobSpec, following: Following | None, steps: int, volume: Volume | None) -> Callable[[], int]:
    """How many steps a run takes, asked anew whenever batches may have grown."""
    if following is None or spec.budget.steps is not None:
        return lambda: steps
    return partial(following.steps, examples_to_see(spec, volume))


def _memory(spec: JobSpec) -> Memory | None:
    return Memory(spec.model.memory_length) if spec.model.memory_length else None


def _accumulation(blueprint: Blueprint, losses: Losses, ranks: Ranks | None) -> Accumulation | None:
    size = blueprint.spec.units.micro_batch_size
    return Accumulation(losses, size, ranks, _terms(blueprint)) if size or ranks else None


def _terms(blueprint: Blueprint) -> Terms | None:
    return blueprint.task.terms if isinstance(blueprint.task, VariableLength) else None


def _noise(
    blueprint: Blueprint,
    losses: Losses,
    how: tuple[Accumulation | None, Ranks | None],
    rule: Optimizer,
    batches: AnyBatches,
    steps: int,
) -> Noise | None:
    if not blueprint.spec.diagnostics.noise_scale:
        return None
    weights, name = blueprint.weights, blueprint.spec.optimizer.name
    plain = coordinates(weights, losses, blueprint.kinds, blueprint.table, blueprint.folds, batches, name)
    (parts, ranks), lengths = how, Lengths(weights, blueprint.specs, rule, plain)
    halves = not isinstance(blueprint.model, OwnModel)  # one that counts or draws would do so twice
    return Noise(weights, losses, parts, lengths, steps, _terms(blueprint), halves, ranks)


def _multiplications(blueprint: Blueprint, inputs: Tensor) -> int:
    """In the largest product of a pass.  Inputs are features (K, N, I), sequences (K, N, T, I) or tokens (K, N, T)."""
    spec = blueprint.spec
    examples = spec.units.micro_batch_size or int(spec.units.batch_size)
    rows = inputs.shape[2] if inputs.dim() == 4 or not inputs.is_floating_point() else 1
    return examples * rows * max(math.prod(kind.shape) for kind in blueprint.kinds.values())


def _batches(blueprint: Blueprint, training: Batch, memory: Memory | None, sizes: Sizes | None) -> AnyBatches:
    seeds, task = [spec.seed for spec in blueprint.specs], blueprint.task
    batches = _ordered(blueprint.spec, seeds, training, memory, sizes)
    if not isinstance(task, CorruptsInputs):
        return batches
    return CorruptedBatches(batches, seeds, partial(task.corrupted, config=blueprint.config))


def _ordered(
    spec: JobSpec, seeds: Sequence[int], training: Batch, memory: Memory | None, sizes: Sizes | None
) -> Batches | StreamBatches:
    size = int(spec.units.batch_size)
    if memory is not None:
        return StreamBatches(*training, size, memory)
    return Batches(*training, seeds, size) if sizes is None else GrowingBatches(*training, seeds, sizes)


def _evaluator(blueprint: Blueprint, number: int, together: tuple[Ranks | None, Word]) -> Evaluator:
    """The validation evaluator or the test."""
    split, asked = blueprint.splits[1 + number], blueprint.asked[number]
    memory, (ranks, word) = _memory(blueprint.spec), together
    how = blueprint.task, blueprint.config, blueprint.forward(memory=memory), blueprint.laid_out(split), split
    if memory is not None:
        return StreamedEvaluator(memory, *how)
    return Evaluator(*how, (ranks, word) if ranks else None, asked)


def _scales(blueprint: Blueprint, memory: Memory | None) -> Scales | None:
    """Of the first part of a batch that comes in parts: all of it may not fit."""
    if blueprint.spec.diagnostics.scales_every is None:
        return None
    probe = Probe()

    def losses(batch: Batch, parts: float) -> Tensor:
        return blueprint.losses(blueprint.forward(probe, memory and memory.glance()))(batch, parts)

    parts = Accumulation(losses, blueprint.spec.units.micro_batch_size, terms=_terms(blueprint))
    return Scales(blueprint.weights, parts.first, probe)


def _rates(specs: Sequence[JobSpec], sizes: Sizes | None, steps: int, device: str) -> Rates:
    spec, schedules = specs[0], [spec.schedule for spec in specs]
    rates = Rates([float(spec.units.learning_rate) for spec in specs], schedules, steps, device)
    power, last = POWERS[spec.batch_schedule.rate_follows or "keep"], int(spec.units.batch_size)
    if sizes is not None and power:
        rates.growing = lambda step: (sizes.size(step) / last) ** power
    if isinstance(sizes, Following) and spec.budget.steps is None:
        first = sizes.size(1)
        rates.moment = lambda step: min(steps, sizes.examples(step) / first)
    return rates


def _config(blueprint: Blueprint) -> dict[str, Any]:
    spec = blueprint.spec
    return {
        "format": 1,
        "task": str(spec.task),
        "dataset": spec.dataset,
        "model": spec.model.model_dump(exclude_none=True),
        "units": spec.units.model_dump(mode="json", include={"parametrization", "base_width", "alphas"}),
        **blueprint.config,
    }


def _check_alike(specs: Sequence[JobSpec], volume: Volume | None, ranks: Ranks | None) -> None:
    """Of several specs, each must allow others beside it, and all agree in what is not a lane's own."""
    if len(specs) == 1:
        return
    if ranks is not None:
        raise Impossible("Jobs on several devices are trained one by one, not together.")
    laned = isinstance(MODELS[str(specs[0].model.kind)], Laned)
    for spec in specs:
        if why := why_alone(spec, laned):
            raise Impossible(f"One of these jobs cannot be trained with others: {why}.")
    if any(shape(spec, volume) != shape(specs[0], volume) for spec in specs):
        raise Impossible("Only jobs of the same shapes, data, batch size, steps and optimizer can be trained together.")
