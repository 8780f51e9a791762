"""The decoder-only transformer. What it computes is in `layers.decoder`."""

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.engine.padding import SIDE
from worker.trainer.engine.weights import Shapes
from worker.trainer.layers import blocks
from worker.trainer.layers.decoder import Decoder
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kinds, Table, Weight


class Transformer:
    """Pre-norm with RMSNorm without gains, rotary positions, causal attention, SwiGLU of 2D features, no biases."""

    def layers(self, model: Model, _inputs: tuple[int, ...], outputs: int) -> nn.Module:
        return blocks.stack(model, outputs, outputs)

    def kinds(self, model: Model, shapes: Shapes) -> dict[str, Weight]:
        return blocks.kinds(model, shapes)

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)

    def side(self, _kinds: Kinds) -> int:
        return SIDE

    def lanes(self, plan: Plan) -> Decoder:
        return Decoder(plan)
