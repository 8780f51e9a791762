"""Which fields differ, and which of some jobs came out best: what a comparison says, without a service."""

from datetime import UTC, datetime

import pytest

from app.analysis import comparison
from app.analysis.comparison import best, differing
from unitscale.models.jobs import Fused, Job, State, Timings
from unitscale.models.specs import JobSpec


def test_what_is_empty_is_no_field():
    assert differing([{"labels": {}}, {"labels": {"a": "b"}}]) == {"labels.a": [None, "b"]}


def test_thousands_of_labels_are_left_out_and_fields_stay():
    specs = [{"labels": {f"{job}-{n}": "x" for n in range(32)}, "seed": job} for job in range(100)]

    rows = differing(specs)

    assert next(iter(rows)) == "seed"
    assert len(rows) < 3200


def test_one_that_has_a_measure_alone_is_not_called_best():
    assert best(["a", "b"], {}, {"val_loss": [1.0, None]}) == {"val_loss": {"better": "lower", "jobs": []}}


def a_job(seconds: float, hardware: str, lanes: int = 1, minute: int = 0) -> Job:
    spec = JobSpec(task="regression")
    how = {"hardware": hardware, "fused": Fused(lanes=lanes, why=""), "timings": Timings(training_seconds=seconds)}
    when = {"created_at": datetime(2026, 1, 1, tzinfo=UTC), "started_at": datetime(2026, 1, 1, 1, minute, tzinfo=UTC)}
    return Job(id=f"job_{seconds:020.0f}", state=State.SUCCEEDED, requested=spec, spec=spec, attempt=1, **when, **how)


@pytest.mark.parametrize(
    ("other", "guilty"), [(a_job(2, "H200"), "hardware"), (a_job(2, "cpu", lanes=4), "lanes"), (a_job(2, "cpu"), None)]
)
def test_times_are_compared_on_one_hardware_with_as_many_others(other, guilty):
    told = comparison.compared([a_job(1, "cpu"), other], {})

    assert len(told["best"]["training_seconds"]["jobs"]) == (0 if guilty else 1)
    expected = [f"The jobs differ in {guilty}, so none is called best in training_seconds."] if guilty else []
    assert told["remarks"] == expected


def test_no_job_is_the_fastest_of_those_that_trained_together():
    told = comparison.compared([a_job(1, "cpu", lanes=2), a_job(2, "cpu", lanes=2)], {})

    assert told["best"]["training_seconds"]["jobs"] == []
    assert told["remarks"] == []


def test_the_fastest_process_is_that_of_all_its_jobs():
    early, late = ([a_job(place + minute, "cpu", lanes=2, minute=minute) for place in (1, 2)] for minute in (10, 20))

    told = comparison.compared([*late, *early], {})

    assert told["best"]["training_seconds"]["jobs"] == [job.id for job in early]


def test_losses_are_those_of_each_job_that_trained_together():
    processes = ["one", "one"]

    assert best(["a", "b"], {}, {"val_loss": [1.0, 2.0]}, processes)["val_loss"]["jobs"] == ["a"]
    assert best(["a", "b"], {}, {"price": [1.0, 2.0]}, processes)["price"]["jobs"] == []


def test_none_is_best_on_the_test_split():
    measured = {"metrics.r2": [0.1, 0.2], "test_metrics.r2": [0.1, 0.2]}

    assert best(["a", "b"], {}, measured) == {"metrics.r2": {"better": "higher", "jobs": ["b"]}}
