"""The weights of a stack of transformer blocks between an embedding and a readout: names, shapes and kinds."""

from torch import nn

from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.units.tables import Kind, Weight

HIDDEN = 2
"""Features of the feed-forward layer over the width."""


def stack(model: Model, vocabulary: int) -> nn.Module:
    """Its plain layers, none of which has a bias."""
    width = int(model.width or 0)
    return nn.ModuleDict(
        {
            "embedding": nn.Embedding(vocabulary, width),
            "blocks": nn.ModuleList(_block(width) for _ in range(int(model.depth or 0))),
            "readout": nn.Linear(width, vocabulary, bias=False),
        }
    )


def kinds(model: Model, shapes: Shapes) -> dict[str, Weight]:
    """What each of its weights is there for."""
    return {name: _kind(name, shape, int(model.depth or 1)) for name, shape in shapes.items()}


def _block(width: int) -> nn.ModuleDict:
    sizes = {"qkv": (width, 3 * width), "out": (width, width)}
    sizes |= {"gate_up": (width, 2 * HIDDEN * width), "down": (HIDDEN * width, width)}
    return nn.ModuleDict({name: nn.Linear(*size, bias=False) for name, size in sizes.items()})


def _kind(name: str, shape: tuple[int, ...], depth: int) -> Weight:
    if name.startswith("blocks."):
        spread = {"gate_up": shape[0] // 2, "down": shape[0]}.get(name.split(".")[2])
        return Weight(Kind.HIDDEN, shape, depth, spread)
    return Weight(Kind.EMBEDDING, shape) if name.startswith("embedding") else Weight(Kind.READOUT, shape, 1, shape[0])
