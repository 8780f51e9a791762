"""Samples: what a finished job shows of how its model writes."""

import json
from pathlib import Path

import pytest

from unitscale.models.predictions import Sampling
from worker.pipe import Ask
from worker.trainer.data import cache, grammar
from worker.trainer.inference.predict import answer

SPEC = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 1, "context": 32},
    "budget": {"steps": 40},
}
KINDS = {
    "characters": SPEC,
    "pieces": SPEC | {"data": {"tokenizer": "bpe", "vocabulary": 400}},
    "memory": SPEC | {"model": {**SPEC["model"], "memory_length": 16}, "units": {"parametrization": "u-mup"}},
}


def samples_of(record) -> list[dict]:
    return json.loads((Path(record.lane.folder) / "artifacts" / "samples.json").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_texts_nobody_learnt_from_are_continued_as_predictions_would(train_once, library, kind):
    record = train_once(KINDS[kind])
    folder = str(Path(record.lane.folder) / "artifacts")
    made = cache.load(library, "grammar", grammar.make)
    text = "".join(chr(made["alphabet"][token]) for token in made["tokens"].tolist())

    samples = samples_of(record)

    assert [sample["sampling"]["max_tokens"] for sample in samples] == [25, 50, 100]
    for sample in samples:
        asked = Ask(ask="a", folder=folder, inputs=(sample["prompt"],), sampling=Sampling(**sample["sampling"]))
        assert answer(asked).outputs == (sample["continuation"],)
        assert sample["prompt"] in text[-40_000:-20_000]


def test_each_lane_leaves_its_own(train):
    one, other = (samples_of(record) for record in train(*({**SPEC, "seed": seed} for seed in (0, 1))))

    assert [sample["prompt"] for sample in one] == [sample["prompt"] for sample in other]
    assert [sample["continuation"] for sample in one] != [sample["continuation"] for sample in other]


def test_samples_are_the_same_every_time(train):
    assert samples_of(train(SPEC)[0]) == samples_of(train(SPEC)[0])
