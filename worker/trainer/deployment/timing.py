"""Timing: what an answer takes in each format, measured in turns, so that what disturbs one disturbs all.

B texts or examples.
"""

import time
from collections.abc import Callable, Mapping
from itertools import count
from statistics import median

import torch
from torch import Tensor, nn

from unitscale.models.formats import Format
from worker.trainer.deployment.writing import Writing, writing

SECONDS = 0.1
"""Of one measurement of one format, unless its fewest runs take longer. One more comes before, unmeasured."""
FEWEST, MOST = 3, 200
BATCH_SECONDS, BATCH = 0.25, 32
"""The larger batch: as many examples as are answered in this time, at most."""
WRITTEN = 16
"""Tokens that one run of decoding writes."""

Runs = Mapping[Format, Callable[[], object]]
Samples = dict[Format, list[float]]
Look = Callable[[], None]
"""Called between runs; it raises where nothing more is to be measured."""


class Timing:
    """Times models on examples (N, …) of one device."""

    def __init__(self, models: Mapping[Format, nn.Module], examples: Tensor, look: Look) -> None:
        self._models, self.examples, self._look = models, examples, look

    def one(self) -> Samples:
        """Seconds of one example alone."""
        return self._timed({form: self.answering(form, 1) for form in self._models})

    def many(self, batch: int) -> Samples:
        """Seconds of a batch."""
        return self._timed({form: self.answering(form, batch) for form in self._models})

    def batch(self, one: Samples) -> int:
        """The size of the larger batch, the same for all."""
        slowest = max(median(samples) for samples in one.values())
        return max(1, min(BATCH, len(self.examples), int(BATCH_SECONDS / slowest)))

    def answering(self, form: Format, batch: int) -> Callable[[], object]:
        model, examples = self._models[form], self.examples[:batch]
        return lambda: model(examples)

    def first_token(self) -> Samples:
        """Seconds from half a context to the first token. Of models that write."""
        return self._timed({form: text.first for form, text in self._writings().items()})

    @torch.inference_mode()
    def decoding(self) -> Samples:
        """Seconds of each further token. Of models that write."""
        written = self._timed({form: _further(text) for form, text in self._writings().items()})
        return {form: [seconds / WRITTEN for seconds in samples] for form, samples in written.items()}

    def _writings(self) -> dict[Format, Writing]:
        found = {form: writing(model, self.examples) for form, model in self._models.items()}
        return {form: text for form, text in found.items() if text}

    @torch.inference_mode()
    def _timed(self, runs: Runs) -> Samples:
        for run in runs.values():
            self._look()
            run()
        samples: Samples = {form: [] for form in runs}
        until = time.perf_counter() + SECONDS * len(runs)
        for number in count():
            if number >= MOST or (number >= FEWEST and time.perf_counter() > until):
                return samples
            for form, run in runs.items():
                self._look()
                samples[form].append(self._seconds(run))
        return samples

    def _seconds(self, run: Callable[[], object]) -> float:
        began = time.perf_counter()
        run()
        if self.examples.is_cuda:
            torch.cuda.synchronize(self.examples.device)
        return time.perf_counter() - began


def _further(text: Writing) -> Callable[[], object]:
    begun = text.first()

    def write() -> None:
        said = begun
        for _ in range(WRITTEN):
            said = text.further(*said)

    return write
