"""Answers: what an encoder-decoder writes to sources.  B sources, W beams, S, T tokens, V vocabulary."""

from collections.abc import Sequence

import torch
from torch import Tensor

from unitscale.models.predictions import Sampling
from worker.trainer.data.vocabulary import END, PAD, START
from worker.trainer.engine.batches import mix
from worker.trainer.inference.generation import chosen
from worker.trainer.layers.encoder_decoder import EncoderDecoder, Memory, Past

AT_ONCE = 64
"""Sources in one pass, over the number of beams."""
NEVER = float("-inf")


class Responder:
    """A trained encoder-decoder that writes. A source is read once, and a token costs one pass over itself."""

    def __init__(self, layers: EncoderDecoder) -> None:
        self._layers, self._device = layers, layers.embedding.weight.device

    @torch.no_grad()
    def continued(self, prompts: Tensor, sampling: Sampling) -> list[list[int]]:
        """What belongs to each source (B, S): the likeliest tokens, drawn ones, or the likeliest of several beams."""
        written: list[list[int]] = []
        for rows in prompts.to(self._device, torch.long).split(max(1, AT_ONCE // sampling.beams)):
            memory, longest = self._layers.encode(_short(rows)), min(sampling.max_tokens, self._layers.longest)
            if sampling.beams > 1:
                written += self._searched(memory, longest, sampling.beams)
            else:
                written += self._one_by_one(memory, longest, sampling, len(written))
        return written

    def _one_by_one(self, memory: Memory, longest: int, sampling: Sampling, before: int) -> list[list[int]]:
        """The likeliest token each time, or one drawn: the same seed says the same, wherever other sources stand."""
        rows = len(memory.hidden)
        draws = [torch.Generator().manual_seed(mix(sampling.seed, before + row)) for row in range(rows)]
        tokens, past = torch.full((rows, 1), START, device=self._device), Past()
        open_ = torch.ones(rows, dtype=torch.bool, device=self._device)
        written: list[Tensor] = []
        while open_.any() and len(written) < longest:
            logits, past = self._after(tokens[:, -1:], memory, past)
            new = logits.argmax(1) if not sampling.temperature else _drawn(logits, sampling, draws).to(self._device)
            tokens = torch.where(open_, new, END).unsqueeze(1)
            written.append(tokens)
            open_ &= new != END
        return [_until_end(row) for row in torch.cat(written, 1).tolist()]

    def _searched(self, memory: Memory, longest: int, beams: int) -> list[list[int]]:
        """Beam search: the likeliest whole texts of `beams` kept at each length, by mean log-probability of a token."""
        rows = len(memory.hidden)
        places = torch.arange(rows, device=self._device)
        memory = memory.at(places.repeat_interleave(beams))
        tokens, past = torch.full((rows * beams, 1), START, device=self._device), Past()
        scores = torch.tensor([0.0] + [NEVER] * (beams - 1), device=self._device).repeat(rows)
        for _ in range(longest):
            ended = tokens[:, -1] == END
            if ended.all():
                break
            logits, past = self._after(tokens[:, -1:], memory, past)
            chances = _only_end(logits.log_softmax(1), ended) + scores.unsqueeze(1)
            scores, found = chances.view(rows, -1).topk(beams)
            width = chances.shape[1]
            parents = (found // width + places.unsqueeze(1) * beams).flatten()
            scores, new = scores.flatten(), (found % width).view(-1, 1)
            tokens = torch.cat((tokens[parents], new), 1)
            past = [(key[parents], value[parents]) for key, value in past]
        lengths = (tokens[:, 1:] != END).sum(1) + 1
        best = (scores / lengths).view(rows, beams).argmax(1) + places * beams
        return [_until_end(row) for row in tokens[best, 1:].tolist()]

    def _after(self, tokens: Tensor, memory: Memory, past: Past) -> tuple[Tensor, Past]:
        """Logits (B, V) of what follows, in which what cannot be written is impossible."""
        states, past = self._layers.step(tokens, memory, past)
        logits = self._layers.readout(states[:, -1]).float()
        logits[:, [PAD, START]] = NEVER
        return logits, past


def _drawn(logits: Tensor, sampling: Sampling, draws: Sequence[torch.Generator]) -> Tensor:
    return torch.tensor([chosen(row, sampling, draw) for row, draw in zip(logits.cpu(), draws, strict=True)])


def _only_end(chances: Tensor, ended: Tensor) -> Tensor:
    """What has ended stays as it is, at no cost."""
    chances = chances.masked_fill(ended.unsqueeze(1), NEVER)
    chances[ended, END] = 0.0
    return chances


def _short(rows: Tensor) -> Tensor:
    return rows[:, : int((rows != PAD).sum(1).max())]


def _until_end(tokens: list[int]) -> list[int]:
    return tokens[: tokens.index(END)] if END in tokens else tokens
