"""The encoder: a transformer whose every token sees all the others. What it computes is in `layers.decoder`."""

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.data.vocabulary import PAD
from worker.trainer.engine.padding import SIDE
from worker.trainer.engine.weights import Shapes
from worker.trainer.layers import blocks
from worker.trainer.layers.decoder import Decoder
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kinds, Table, Weight


class Encoder:
    """Pre-norm with RMSNorm without gains, rotary positions, attention both ways, SwiGLU of 2D features, no biases.

    It writes a token in the place of each that it reads; or, of rows with padding, other outputs.
    """

    def layers(self, model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Module:
        """`inputs` are the tokens of a row and, where a token's outputs are no tokens, how many there are to read."""
        return blocks.stack(model, inputs[1] if len(inputs) > 1 else outputs, outputs)

    def kinds(self, model: Model, shapes: Shapes) -> dict[str, Weight]:
        return blocks.kinds(model, shapes)

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)

    def side(self, _kinds: Kinds) -> int:
        return SIDE

    def lanes(self, plan: Plan) -> Decoder:
        kinds = plan.kinds
        padded = kinds["embedding.weight"].fan_out != kinds["readout.weight"].fan_out
        return Decoder(plan, causal=False, padding=PAD if padded else None)
