"""Quality: the defaults learn what there is to learn."""

import numpy as np
import pytest

from unitscale.models.catalog import CATALOG
from worker.trainer.catalog import DATASETS, MODELS, TASKS
from worker.trainer.data import cache
from worker.trainer.data.examples import cut


@pytest.fixture
def least_squares_r2(library) -> float:
    """R² of ordinary least squares on the validation split of diabetes."""
    row, tensors = DATASETS["diabetes"], cache.load(library, "diabetes", DATASETS["diabetes"].make)
    splits = cut(tensors["inputs"].double(), tensors["targets"].double(), row.validation, row.test, 1.0)
    (x, y), (x_validation, y_validation) = (
        (np.c_[s.inputs, np.ones(len(s.inputs))], s.targets.numpy()) for s in splits[:2]
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


def test_everything_in_the_catalog_can_be_trained():
    assert TASKS.keys() == {task.name for task in CATALOG.tasks}
    assert MODELS.keys() == {model.kind for model in CATALOG.models}
    assert DATASETS.keys() == {dataset.name for dataset in CATALOG.datasets}


@pytest.mark.parametrize("dataset", CATALOG.datasets, ids=lambda dataset: dataset.name)
def test_the_catalog_counts_training_examples_right(library, dataset):
    row = DATASETS[dataset.name]
    tensors = cache.load(library, dataset.name, row.make)

    assert len(tensors["inputs"]) - row.validation - row.test == dataset.training_examples
