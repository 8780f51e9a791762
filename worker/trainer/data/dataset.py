"""Data sets: how their tensors are made, readied for a job and cut into splits.  N examples."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor

from unitscale.errors import BadDataset
from unitscale.models import specs
from unitscale.models.datasets import Volume
from worker.trainer.data import pairs, passages
from worker.trainer.data.examples import Splits, cut
from worker.trainer.data.text import cut_text, pieced


@dataclass(frozen=True)
class Dataset:
    """How a data set is made, its examples in their final random order, and how many of the last are held out."""

    make: Callable[[], dict[str, Tensor]]
    validation: int
    test: int
    standardized: bool = True
    fetch: Callable[[], dict[str, Tensor]] | None = None
    """How `make data` brings it, where it has to be brought."""
    volume: Volume | None = None
    """Of a plug-in's: how much its entry says there is to train on."""
    kept_as: str | None = None
    """Of a plug-in's: its name in the cache, where each version of a package has files of its own."""

    def check(self, tensors: dict[str, Tensor]) -> None:
        """Raises BadDataset where there is not as much to train on as was said."""
        if self.volume is None:
            return
        whole = tensors["tokens"] if self.volume.training_tokens is not None else tensors["inputs"]
        said = self.volume.training_tokens or self.volume.training_examples
        if (there := len(whole) - self.validation - self.test) != said:
            raise BadDataset(f"Its entry says that there is {said} to train on, and there is {there}.")

    def ready(self, tensors: dict[str, Tensor], _spec: specs.JobSpec) -> dict[str, Tensor]:
        """The data set as a job needs it."""
        return tensors

    def splits(self, tensors: dict[str, Tensor], fraction: float, _model: specs.Model) -> Splits:
        return cut(tensors["inputs"], tensors["targets"], self.validation, self.test, fraction)

    def facts(self, _tensors: dict[str, Tensor]) -> dict[str, Any]:
        return {"standardized": self.standardized}


@dataclass(frozen=True)
class Corpus(Dataset):
    """A text, the last parts of which are held out."""

    def ready(self, tensors: dict[str, Tensor], spec: specs.JobSpec) -> dict[str, Tensor]:
        held_out = self.validation, self.test
        pieces = spec.data.tokenizer == "bpe" and "alphabet" in tensors
        return pieced(tensors, int(spec.data.vocabulary or 0), held_out) if pieces else tensors

    def splits(self, tensors: dict[str, Tensor], fraction: float, model: specs.Model) -> Splits:
        held_out = tensors["held_out"].tolist() if "held_out" in tensors else (self.validation, self.test)
        return cut_text(tensors["tokens"], *held_out, fraction, int(model.context or 0))

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        if "tokenizer" in tensors:
            return {"tokenizer": bytes(tensors["tokenizer"].tolist()).decode()}
        return {"alphabet": "".join(map(chr, tensors["alphabet"].tolist()))}


@dataclass(frozen=True)
class Recordings(Dataset):
    """Recordings, and what was said in them."""

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        return {"alphabet": "".join(map(chr, tensors["alphabet"].tolist())), "rate": int(tensors["rate"])}


@dataclass(frozen=True)
class Pairs(Dataset):
    """Rows of texts: a source, and what belongs to it."""

    def ready(self, tensors: dict[str, Tensor], spec: specs.JobSpec) -> dict[str, Tensor]:
        return pairs.tokenized(tensors, spec, len(tensors["ends"]) - self.validation - self.test)

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        last = len(tensors["ends"])
        ends = last - self.test - self.validation, last - self.test, last
        asked = tuple(self.asked(tensors, *stretch) for stretch in pairwise(ends))
        return {"vocabulary": pairs.words_of(tensors), "asked": asked}

    def asked(self, tensors: dict[str, Tensor], first: int, end: int) -> Any:
        """What is asked in the evaluator of such rows."""
        return pairs.asked(tensors, first, end)


@dataclass(frozen=True)
class Passages(Pairs):
    """Rows of a question, its answers, and the context in which they stand."""

    def ready(self, tensors: dict[str, Tensor], spec: specs.JobSpec) -> dict[str, Tensor]:
        return passages.tokenized(tensors, spec, len(tensors["ends"]) - self.validation - self.test)

    def asked(self, tensors: dict[str, Tensor], first: int, end: int) -> Any:
        return passages.asked(tensors, first, end)


@dataclass(frozen=True)
class ByHeart(Pairs):
    """Pairs none of which follows from others: what is examined is what was learnt."""

    def splits(self, tensors: dict[str, Tensor], fraction: float, model: specs.Model) -> Splits:
        learnt, *_ = super().splits(tensors, fraction, model)
        return Splits(learnt, learnt, learnt)

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        asked = pairs.asked(tensors, 0, len(tensors["ends"]))
        return {"vocabulary": pairs.words_of(tensors), "asked": (asked, asked)}
