"""The speech encoder: a plain module, trained as a lane of one.  B batch, F frames, M bands, W width, O outputs."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.units.tables import Kind, Kinds, Table, Weight

KERNEL, STRIDE = 5, 3
SILENT = -1e4
"""Logit of every letter behind a recording's end, where the blank, the last output, has 0: nothing is heard there."""


class SpeechEncoder:
    """A convolution in time that leaves a third of the frames, `depth` recurrent layers (GRU) of `width` in both
    directions, and a linear one. A letter may be heard every 30 ms: people say at most 20 in a second, and equal ones
    need a pause between them."""

    def layers(self, model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Module:
        return Listener(inputs[-1] - 1, int(model.width or 0), int(model.depth or 0), outputs)

    def kinds(self, _model: Model, shapes: Shapes) -> dict[str, Weight]:
        return {name: Weight(Kind.HIDDEN if len(shape) > 1 else Kind.BIAS, shape) for name, shape in shapes.items()}

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)


class Listener(nn.Module):
    """Hears a recording alike, whatever longer ones stand beside it: only its own frames are computed with."""

    def __init__(self, bands: int, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(bands, width, KERNEL, STRIDE, KERNEL // 2)
        self.recurrent = nn.GRU(width, width, depth, batch_first=True, bidirectional=True)
        self.readout = nn.Linear(2 * width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, F, M + 1), whose last feature is 1 where a frame is real → (B, F', O), as long as the longest."""
        lengths = (inputs[..., -1] > 0).sum(1).clamp(min=1)
        x = inputs[:, : int(lengths.max()), :-1].to(self.readout.weight.dtype).transpose(1, 2)
        x, lengths = self.convolution(x).relu(), (lengths - 1) // STRIDE + 1
        packed = pack_padded_sequence(x.transpose(1, 2), lengths.cpu(), batch_first=True, enforce_sorted=False)
        heard, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        logits = self.readout(heard)
        ended = ~_real(lengths, logits.shape[1]).unsqueeze(2)
        return torch.cat((logits[..., :-1].masked_fill(ended, SILENT), logits[..., -1:].masked_fill(ended, 0)), -1)


def _real(lengths: Tensor, frames: int) -> Tensor:
    """(B, frames)"""
    return torch.arange(frames, device=lengths.device) < lengths.unsqueeze(1)
