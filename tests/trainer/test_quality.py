"""Quality: the defaults learn what there is to learn."""

import numpy as np
import pytest

from unitscale.models.catalog import CATALOG
from unitscale.models.specs import Model
from worker.trainer.catalog import DATASETS, MODELS, TASKS
from worker.trainer.data import cache


@pytest.fixture
def least_squares_r2(library) -> float:
    """R² of ordinary least squares on the validation split of diabetes."""
    row, tensors = DATASETS["diabetes"], cache.load(library, "diabetes", DATASETS["diabetes"].make)
    splits = row.splits(tensors, 1.0, Model())
    (x, y), (x_validation, y_validation) = (
        (np.c_[s.inputs.double(), np.ones(len(s.inputs))], s.targets.double().numpy()) for s in splits[:2]
    )
    left = y_validation - x_validation @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(1 - (left**2).sum() / ((y_validation - y_validation.mean()) ** 2).sum())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_diabetes_comes_close_to_least_squares(train, least_squares_r2, optimizer):
    record = train({"dataset": "diabetes", "optimizer": {"name": optimizer}})[0]

    assert record.ended.result.metrics["r2"] == pytest.approx(least_squares_r2, abs=0.02)


def test_digits_are_read(train):
    record = train({"task": "image-classification"})[0]

    assert record.ended.result.metrics["accuracy"] >= 0.95
    assert record.ended.result.test_metrics["accuracy"] >= 0.95


def test_a_grammar_is_learnt(train):
    record = train({"task": "text-generation", "dataset": "grammar", "budget": {"steps": 150}})[0]

    assert record.ended.result.metrics["bits_per_character"] < 0.8
    assert record.ended.result.test_metrics["perplexity"] < 2


def test_a_data_set_that_is_not_here_is_named_with_what_brings_it(train):
    reason = train({"task": "text-generation", "dataset": "shakespeare"})[0].ended.reason

    assert reason.code == "bad_dataset"
    assert "make data" in reason.message


def test_everything_in_the_catalog_can_be_trained():
    assert TASKS.keys() == {task.name for task in CATALOG.tasks}
    assert MODELS.keys() == {model.kind for model in CATALOG.models}
    assert DATASETS.keys() == {dataset.name for dataset in CATALOG.datasets}


HERE = [dataset for dataset in CATALOG.datasets if dataset.brought_by is None]


@pytest.mark.parametrize("dataset", HERE, ids=lambda dataset: dataset.name)
def test_the_catalog_counts_training_examples_right(library, dataset):
    row = DATASETS[dataset.name]
    tensors = cache.load(library, dataset.name, row.make)
    size = dataset.training_examples or dataset.training_tokens

    assert len(tensors.get("inputs", tensors.get("tokens"))) == size + row.validation + row.test
