"""Text generation on pieces of text instead of characters."""

import math
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from unitscale.models import catalog
from unitscale.models.predictions import Sampling
from unitscale.models.specs import Data, JobSpec, Model, TaskName
from worker.pipe import Ask
from worker.trainer.catalog import DATASETS
from worker.trainer.data import cache, grammar, vocabulary
from worker.trainer.data.text import numbered, pieced
from worker.trainer.inference.predict import answer
from worker.trainer.tasks.text_generation import TextGeneration

SPEC = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"tokenizer": "bpe", "vocabulary": 400},
    "model": {"width": 32, "depth": 1, "context": 32},
    "budget": {"steps": 80},
    "evaluation": {"every_steps": 40},
}
TEXT = "Im Anfang war das Wort.\n太初有道，🦜\n" * 30


@pytest.fixture
def wrote(train):
    """A trained model of pieces, and what it writes."""

    def run(*inputs, **changes):
        record = train({**SPEC, **changes})[0]
        folder = str(Path(record.lane.folder) / "artifacts")
        return record, answer(Ask(ask="a", folder=folder, inputs=inputs, sampling=Sampling(max_tokens=20)))

    return run


def test_a_text_is_learnt_and_continued_in_pieces(wrote):
    record, answered = wrote("the small ", "", "🦜 — anything can be read")

    metrics = record.ended.result.metrics
    assert metrics["bits_per_character"] < 1.2
    assert metrics["perplexity"] > 2 ** metrics["bits_per_character"], "a piece says more than a character"
    assert all(len(output) > 20 for output in answered.outputs[:2])
    assert "tokenizer.json" in {artifact.name for artifact in record.ended.artifacts}


def test_beams_belong_to_translations_and_answers(wrote):
    record, _ = wrote("the", budget={"steps": 1})
    folder = str(Path(record.lane.folder) / "artifacts")

    answered = answer(Ask(ask="a", folder=folder, inputs=("the",), sampling=Sampling(beams=2)))

    assert [pointer for pointer, _ in answered.fields] == ["/sampling/beams"]


@pytest.mark.parametrize("wrong", [3, None, "\ud800"])
def test_what_is_no_text_is_named(wrote, wrong):
    _, answered = wrote("the", wrong, budget={"steps": 1})

    assert [pointer for pointer, _ in answered.fields] == ["/inputs/1"]


def test_each_part_of_a_text_comes_back_from_its_pieces():
    ready = pieced(numbered(TEXT), 400, (100, 200))

    words, tokens = bytes(ready["tokenizer"].tolist()).decode(), ready["tokens"].tolist()
    validation, test = ready["held_out"].tolist()
    parts = [tokens[: -validation - test], tokens[-validation - test : -test], tokens[-test:]]
    assert vocabulary.decoded(words, parts) == [TEXT[:-300], TEXT[-300:-200], TEXT[-200:]]


def test_no_piece_is_longer_than_what_pieces_are_made_of():
    letters, longest = "ACGT" * 5000, vocabulary.LONGEST
    words = vocabulary.trained([letters], "bpe", 600)

    [tokens] = vocabulary.encoded(words, [letters])
    cut = Tokenizer.from_str(words).pre_tokenizer.pre_tokenize_str(letters)

    assert [place for _, place in cut[:2]] == [(0, longest), (longest, 2 * longest)]
    assert vocabulary.decoded(words, [tokens]) == [letters]


def test_pieces_are_learnt_from_the_training_part_alone():
    one, other = (pieced(numbered(TEXT + end * 10), 400, (60, 40)) for end in ("ab" * 5, "yz" * 5))

    assert torch.equal(one["tokenizer"], other["tokenizer"])
    assert not torch.equal(one["tokens"], other["tokens"])


def test_bits_are_counted_by_characters_of_the_text(library):
    row = DATASETS["grammar"]
    data, model = Data(tokenizer="bpe", vocabulary=400), Model(context=32)
    tensors = cache.load(library, "grammar", grammar.make)
    ready = row.ready(tensors, JobSpec(task=TaskName.TEXT_GENERATION, data=data, model=model))
    evaluator = row.splits(ready, 1.0, model).validation
    text = vocabulary.decoded(row.facts(ready)["tokenizer"], evaluator.targets.tolist())

    measured = TextGeneration().metrics(torch.ones(len(evaluator.targets), 1), evaluator.targets, row.facts(ready))

    assert measured["bits_per_character"] == pytest.approx(evaluator.targets.numel() / len("".join(text)) / math.log(2))
    assert 19_500 < len("".join(text)) <= 20_000


def test_the_catalog_knows_how_much_of_a_text_is_held_out():
    known = {entry.name: entry.held_out_tokens for entry in catalog.DATASETS.values() if entry.training_tokens}

    assert known == {name: DATASETS[name].validation for name in known}
    assert known == {name: DATASETS[name].test for name in known}
