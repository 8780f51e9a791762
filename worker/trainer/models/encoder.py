"""The encoder: a transformer whose every token sees all the others. What it computes is in `layers.decoder`."""

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.layers import blocks
from worker.trainer.layers.decoder import Decoder
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kinds, Table, Weight


class Encoder:
    """Pre-norm with RMSNorm without gains, rotary positions, attention both ways, SwiGLU of 2D features, no biases."""

    def layers(self, model: Model, _inputs: tuple[int, ...], outputs: int) -> nn.Module:
        return blocks.stack(model, outputs)

    def kinds(self, model: Model, shapes: Shapes) -> dict[str, Weight]:
        return blocks.kinds(model, shapes)

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)

    def lanes(self, plan: Plan) -> Decoder:
        return Decoder(plan, causal=False)
