"""Speech recognition: what was said.  K lanes, B batch, N recordings, F frames, M bands, L letters, O outputs."""

import base64
import binascii
import io
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unitscale.errors import WrongInput
from worker.trainer.assembly.prepared_data import PreparedData
from worker.trainer.data.examples import Examples, Splits
from worker.trainer.data.mels import log_mels
from worker.trainer.data.recordings import MOST_FRAMES, NOTHING, laid
from worker.trainer.data.waves import Unheard, samples

PIECE = 256  # recordings whose features are looked at together, in double precision
MOST_SHOWN = 1000


class SpeechRecognition:
    """Connectionist temporal classification (CTC): every frame says a letter or nothing, and equal neighbours are one.

    Letter p of the alphabet is output p; the last one, the blank, says nothing. A frame behind a recording's end says
    nothing for certain, so that it changes neither loss nor text.
    """

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> PreparedData:
        mean, deviation = _statistics(splits.training.inputs)
        config = {
            "inputs": list(splits.training.inputs.shape[1:]),
            "outputs": len(facts["alphabet"]) + 1,
            "alphabet": facts["alphabet"],
            "rate": facts["rate"],
            "input_mean": mean,
            "input_deviation": deviation,
        }
        ready = (Examples(_standard(split.inputs, config), split.targets) for split in splits)
        return PreparedData(Splits(*ready), config)

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean over recordings of nats per letter, of each lane.  (K, B, F, O), (K, B, L) → (K,)"""
        return _nats(outputs, targets, width).mean(1)

    def reduce_outputs(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Nats per letter, and the letters heard: all that is needed of so many frames.  → (K, B, 1, 1 + most)"""
        heard = outputs.new_full((*targets.shape[:2], MOST_FRAMES), NOTHING)
        for place, letters in enumerate(_heard(outputs[..., :width].flatten(0, 1))):
            heard.view(-1, MOST_FRAMES)[place, : len(letters)] = letters
        return torch.cat((_nats(outputs, targets, width).unsqueeze(-1), heard), -1).unsqueeze(2)

    def evaluation_losses(self, kept: Tensor, _targets: Tensor, _width: int) -> Tensor:
        return kept[:, :, 0, 0].mean(1)

    def metrics(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, float]:
        """Edits that lead from what was heard to what was said, over its letters, and over its words."""
        import jiwer  # noqa: PLC0415  most trainers never hear anything

        said, heard = _texts(targets, config), _texts(outputs[:, 0, 1:], config)
        return {"cer": float(jiwer.cer(said, heard)), "wer": float(jiwer.wer(said, heard))}

    def artifacts(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, Any]:
        """What was said in the test split, and what was heard."""
        texts = zip(_texts(targets, config), _texts(outputs[:, 0, 1:], config), strict=True)
        return {"transcripts.json": [{"reference": said, "hypothesis": heard} for said, heard in texts][:MOST_SHOWN]}

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Tensor:
        """Features (N, F, M + 1), standardized, as long as the longest recording.

        Raises WrongInput, naming every input that is no recording.
        """
        heard, fields = list[np.ndarray](), list[tuple[str, str]]()
        for place, given in enumerate(inputs):
            try:
                heard.append(log_mels(_samples(given, config["rate"]), config["rate"]))
            except Unheard as fault:
                fields.append((f"/inputs/{place}", str(fault)))
        if fields:
            raise WrongInput(f"Input {fields[0][0].rsplit('/', 1)[1]} {fields[0][1]}.", tuple(fields))
        rows = np.stack([laid(features, max(map(len, heard))) for features in heard])
        return _standard(torch.from_numpy(rows), config)

    def format_outputs(self, outputs: Tensor, config: dict[str, Any]) -> list[str]:
        return ["".join(config["alphabet"][int(letter)] for letter in letters) for letters in _heard(outputs)]


def _nats(outputs: Tensor, targets: Tensor, width: int) -> Tensor:
    """→ (K, B), on the CPU: there, unlike on a GPU, CTC always gives the same bits."""
    chances = outputs[..., :width].float().flatten(0, 1).log_softmax(-1).transpose(0, 1).cpu()
    letters = targets.flatten(0, 1).long().cpu()
    lengths = (letters != NOTHING).sum(1)
    frames = lengths.new_full(lengths.shape, len(chances))
    spelled = letters.clamp(min=0)  # what stands behind a text is not looked at
    nats = functional.ctc_loss(chances, spelled, frames, lengths, width - 1, "none", zero_infinity=True)
    return (nats / lengths.clamp(min=1)).view(targets.shape[:2]).to(outputs.device)


def _heard(outputs: Tensor) -> list[Tensor]:
    """The likeliest output of each frame, equal neighbours as one, without blanks.  (N, F, O) → letters of each"""
    rows, blank = (torch.unique_consecutive(row) for row in outputs.argmax(-1).cpu()), outputs.shape[-1] - 1
    return [row[row != blank] for row in rows]


def _texts(letters: Tensor, config: dict[str, Any]) -> list[str]:
    alphabet = config["alphabet"]
    return ["".join(alphabet[int(letter)] for letter in row if letter != NOTHING) for row in letters.tolist()]


def _statistics(inputs: Tensor) -> tuple[list[float], list[float]]:
    """Mean and deviation of each band over all real frames; a band that never varies keeps its scale."""
    count, total, squares = 0.0, torch.zeros(1, dtype=torch.double), torch.zeros(1, dtype=torch.double)
    for piece in inputs.split(PIECE):
        frames = piece[piece[..., -1] > 0][:, :-1].double()
        count, total, squares = count + len(frames), total + frames.sum(0), squares + frames.square().sum(0)
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    return mean.tolist(), [number if number > 1e-3 else 1.0 for number in deviation.tolist()]


def _standard(inputs: Tensor, config: dict[str, Any]) -> Tensor:
    """(N, F, M + 1), every band of zero mean and unit variance; zero where there is no frame."""
    mean, deviation = (torch.tensor([*config[f"input_{what}"]]) for what in ("mean", "deviation"))
    ready = inputs.clone()
    for piece in ready.split(PIECE):
        piece[..., :-1] = (piece[..., :-1].float() - mean) / deviation * piece[..., -1:]
    return ready


def _samples(given: Any, rate: int) -> np.ndarray:
    """Raises Unheard."""
    if not isinstance(given, str):
        raise Unheard("must be a recording: a WAV file in base64")
    try:
        data = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unheard("must be a recording: a WAV file in base64") from error
    return samples(io.BytesIO(data), rate)
