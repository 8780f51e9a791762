"""The decoder-only transformer: names, shapes and kinds of its weights. What it computes is in `layers.decoder`."""

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.layers.decoder import Decoder
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kind, Kinds, Table, Weight

HIDDEN = 2
"""Features of the feed-forward layer over the width."""


class Transformer:
    """Pre-norm with RMSNorm without gains, rotary positions, causal attention, SwiGLU of 2D features, no biases."""

    def layers(self, model: Model, _inputs: tuple[int, ...], outputs: int) -> nn.Module:
        width = int(model.width or 0)
        return nn.ModuleDict(
            {
                "embedding": nn.Embedding(outputs, width),
                "blocks": nn.ModuleList(_block(width) for _ in range(int(model.depth or 0))),
                "readout": nn.Linear(width, outputs, bias=False),
            }
        )

    def kinds(self, model: Model, shapes: Shapes) -> dict[str, Weight]:
        return {name: _kind(name, shape, int(model.depth or 1)) for name, shape in shapes.items()}

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)

    def lanes(self, plan: Plan) -> Decoder:
        return Decoder(plan)


def _block(width: int) -> nn.ModuleDict:
    sizes = {"qkv": (width, 3 * width), "out": (width, width)}
    sizes |= {"gate_up": (width, 2 * HIDDEN * width), "down": (HIDDEN * width, width)}
    return nn.ModuleDict({name: nn.Linear(*size, bias=False) for name, size in sizes.items()})


def _kind(name: str, shape: tuple[int, ...], depth: int) -> Weight:
    if name.startswith("blocks."):
        spread = {"gate_up": shape[0] // 2, "down": shape[0]}.get(name.split(".")[2])
        return Weight(Kind.HIDDEN, shape, depth, spread)
    return Weight(Kind.EMBEDDING, shape) if name.startswith("embedding") else Weight(Kind.READOUT, shape, 1, shape[0])
