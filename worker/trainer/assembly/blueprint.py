"""The blueprint of a group: what its jobs have in common, and the weights of each.  K lanes, N examples."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from unitscale.models import specs as words
from unitscale.models.specs import JobSpec
from unitscale.models.units import Alphas, Units
from worker.trainer.assembly.sources import Source
from worker.trainer.catalog import MODELS, task_of
from worker.trainer.data.examples import Examples
from worker.trainer.engine.loop import Batch
from worker.trainer.engine.modules import PlainModule, Unfilled, draw_from
from worker.trainer.engine.padding import pad_features
from worker.trainer.engine.precision import NUMBERS, choose_products
from worker.trainer.engine.scales import Probe
from worker.trainer.engine.weights import Shapes, Weights
from worker.trainer.evaluation.evaluator import Forward
from worker.trainer.layers.memory import Memory
from worker.trainer.plugins import OwnModel
from worker.trainer.protocols import Function, Laned
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Table

Losses = Callable[..., Tensor]
"""A batch, in how many parts it comes → (K,)"""


class Blueprint:
    """Task, data, model and parametrization of a group, and its weights as they start."""

    def __init__(self, specs: Sequence[JobSpec], device: str, source: Source) -> None:
        self.specs, self.spec, self.device = specs, specs[0], device
        spec = self.spec
        kind = str(spec.model.kind)
        self.task, self.model = task_of(spec.task, kind), MODELS[kind]
        tensors = source.row.ready(source.tensors, spec)
        self.splits, self.config, self.asked = self.task.prepare(
            source.row.splits(tensors, spec.data.fraction, spec.model), source.row.facts(tensors)
        )
        choose_products(spec.units.precision)
        draw_from(spec.seed, device)
        self.layers = built(spec.model, self.config)
        self.kinds = self.model.kinds(spec.model, shapes_of(self.layers))
        self.table = table_of(spec.units, spec.model)
        self.numbers = NUMBERS[spec.units.precision]
        self.side = self.model.side(self.kinds) if isinstance(self.model, Laned) else None
        """What feature sizes of a laned model are padded to a multiple of."""
        self.module = None if self.side else PlainModule(self.layers, device, self.numbers.kept)
        """Of a model that is a lane of one."""
        self.weights = self._started()
        if self.module is not None and not isinstance(self.model, OwnModel):
            self.module.adopt(self.weights.named)
        function = self._function()
        self.folds: dict[str, float] = function.folds() if function else {}

    def forward(self, probe: Probe | None = None, memory: Memory | None = None) -> Forward:
        """What the group computes, in the numbers it asks for."""
        function = self._function(probe)
        outputs = function.outputs if function else self._outputs_of_module(probe)
        if memory is not None:
            outputs = partial(outputs, memory=memory)
        if isinstance(self.model, OwnModel) and self.numbers.kept is not self.numbers.computed:
            return partial(_autocast, outputs, self.weights, self.numbers.computed)
        if self.numbers.computed is torch.float32:
            return lambda inputs, parts=1: outputs(self.weights.named, inputs, parts)
        return partial(_in_fewer_bits, outputs, self.weights, self.numbers.computed)

    def losses(self, forward: Forward) -> Losses:
        """What the task makes of it."""
        width = self.config["outputs"]
        return lambda batch, parts=1: self.task.losses(forward(batch[0], parts), batch[1], width)

    def laid_out(self, split: Examples) -> Batch:
        """(K, N, …) on the device, the lanes sharing memory; for laned models flat, and padded like their weights."""
        inputs, targets = split
        if self.side and inputs.is_floating_point():
            inputs = pad_features(inputs.flatten(1), self.side)
            targets = pad_features(targets, self.side) if targets.is_floating_point() else targets
        return self._shared(inputs), self._shared(targets)

    def shares(self) -> dict[str, float]:
        """Weight → its learning rate over the job's."""
        return {name: self.table.rate(kind, self.spec.optimizer.name) for name, kind in self.kinds.items()}

    def _started(self) -> Weights:
        shapes = {name: kind.shape for name, kind in self.kinds.items()}
        weights = Weights(shapes, len(self.specs), self.side, self.device, self.numbers.kept)
        for lane, spec in enumerate(self.specs):
            weights.write(lane, self._first(spec.seed))
        return weights

    def _first(self, seed: int) -> dict[str, Tensor]:
        if isinstance(self.model, OwnModel):
            return {name: self.layers.get_parameter(name).detach() for name in self.kinds}
        return self.model.start(self.kinds, self.table, torch.Generator().manual_seed(seed))

    def _outputs_of_module(self, probe: Probe | None) -> Forward:
        assert self.module is not None  # noqa: S101  a model without lanes has one
        return partial(self.module.looked_at, probe) if probe else self.module.outputs

    def _function(self, probe: Probe | None = None) -> Function | None:
        """None for a model that is a lane of one."""
        if not isinstance(self.model, Laned):
            return None
        alphas = tuple(spec.units.alphas or Alphas() for spec in self.specs)
        like = self.weights.values.new_empty((), dtype=self.numbers.computed)
        return self.model.lanes(Plan(self.spec.model, self.kinds, self.table, alphas, like, self.numbers.casts, probe))

    def _shared(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device).contiguous().expand(len(self.specs), *tensor.shape)


def built(model: words.Model, config: dict[str, Any]) -> nn.Module:
    """A model's layers without numbers: first weights come from the parametrization, later ones from a file. Those
    of a plug-in come with theirs."""
    kind = MODELS[str(model.kind)]
    with torch.device("meta"), nullcontext() if isinstance(kind, OwnModel) else Unfilled():
        return kind.layers(model, tuple(config["inputs"]), config["outputs"])


def shapes_of(layers: nn.Module) -> Shapes:
    """Of the weights that learn."""
    return {name: tuple(each.shape) for name, each in layers.named_parameters() if each.requires_grad}


def table_of(units: Units, model: words.Model) -> Table:
    """The table of a parametrization at the width of a model."""
    return Table(units.parametrization, (model.width or 1) / units.base_width if units.base_width else 1.0)


def _autocast(outputs: Forward, weights: Weights, dtype: torch.dtype, inputs: Tensor, parts: float = 1) -> Tensor:
    """Of a team's own module torch knows which operations take fewer bits."""
    with torch.autocast(inputs.device.type, dtype):
        return outputs(weights.named, inputs, parts).float()


def _in_fewer_bits(outputs: Forward, weights: Weights, dtype: torch.dtype, inputs: Tensor, parts: float = 1) -> Tensor:
    cast = {name: weight.to(dtype) for name, weight in weights.named.items()}
    return outputs(cast, inputs.to(dtype) if inputs.is_floating_point() else inputs, parts).float()
