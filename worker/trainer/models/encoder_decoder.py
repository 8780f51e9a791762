"""The encoder-decoder transformer: names, shapes and kinds of its weights. What it computes is in `layers`."""

import torch
from torch import Tensor, nn

from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.layers.encoder_decoder import EncoderDecoder as Layers
from worker.trainer.units.tables import Kind, Kinds, Table, Weight


class EncoderDecoder:
    """Reads a source whole, and writes what belongs to it token by token. A plain module, trained as a lane of one."""

    def layers(self, model: Model, _inputs: tuple[int, ...], outputs: int) -> nn.Module:
        return Layers(outputs, *(int(size or 0) for size in (model.width, model.depth, model.head_size, model.context)))

    def kinds(self, model: Model, shapes: Shapes) -> dict[str, Weight]:
        """Its embedding is its readout, too, and starts as one: what is looked up is multiplied by the width's root."""
        depth = int(model.depth or 1)
        return {
            name: Weight(Kind.READOUT, shape) if name.startswith("embedding") else Weight(Kind.HIDDEN, shape, depth)
            for name, shape in shapes.items()
        }

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)
