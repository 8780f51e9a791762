"""What a campaign says of jobs that have been deleted."""

import pytest

LINE = {"task": "regression", "dataset": "linear", "optimizer": {"name": "sgd"}, "budget": {"steps": 100}}


@pytest.fixture
def swept(api, worker):
    """A sweep of three jobs, the first two of which have succeeded, with losses 0 and 1, and the last was cancelled."""
    base = LINE | {"resources": {"alone": True}}
    sweep = api.post("/v1/sweeps", json={"base": base, "axes": {"seed": [0, 1, 2]}}).raise_for_status().json()
    for loss in (0.0, 1.0):
        worker.succeed(worker.claim(), val_loss=loss)
    api.post(f"/v1/jobs/{sweep['jobs'][2]}/cancel").raise_for_status()
    return api.get(f"/v1/sweeps/{sweep['id']}").json()


def test_a_deleted_job_is_counted_as_such(api, swept):
    api.delete(f"/v1/jobs/{swept['jobs'][0]}").raise_for_status()

    after = api.get(f"/v1/sweeps/{swept['id']}").json()

    assert {state: count for state, count in swept["counts"].items() if count} == {"succeeded": 2, "cancelled": 1}
    assert {state: count for state, count in after["counts"].items() if count} == {
        "succeeded": 1,
        "cancelled": 1,
        "deleted": 1,
    }
    assert after["jobs"] == swept["jobs"]


def test_the_best_of_those_that_are_still_there_is_the_best(api, swept):
    api.delete(f"/v1/jobs/{swept['jobs'][0]}").raise_for_status()

    best = api.get(f"/v1/sweeps/{swept['id']}").json()["best"]

    assert (best["job"], best["setting"]) == (swept["jobs"][1], {"seed": 1})


def test_a_deleted_job_hides_no_other_from_lists_and_comparisons(api, worker):
    sweep = api.post("/v1/sweeps", json={"base": LINE, "axes": {"seed": list(range(250))}}).raise_for_status().json()
    api.post(f"/v1/sweeps/{sweep['id']}/cancel").raise_for_status()
    api.delete(f"/v1/jobs/{sweep['jobs'][-1]}").raise_for_status()

    page = api.get("/v1/jobs", params={"sweep": sweep["id"], "limit": 200}).json()
    rest = api.get("/v1/jobs", params={"sweep": sweep["id"], "limit": 200, "cursor": page["next_cursor"]}).json()
    compared = api.get("/v1/compare", params={"sweep": sweep["id"], "limit": 1}).json()

    assert [job["id"] for job in (*page["data"], *rest["data"])] == sweep["jobs"][-2::-1]
    assert not rest["has_more"]
    assert compared["total"] == 249


@pytest.mark.parametrize(
    "measure",
    ["queued_seconds", "startup_seconds", "training_seconds", "steps_per_second", "examples_per_second"],
)
def test_a_sweep_names_the_best_by_every_timing(api, worker, measure):
    body = {"base": LINE, "axes": {"seed": [0]}, "objective": {"maximize": measure}}
    sweep = api.post("/v1/sweeps", json=body).raise_for_status().json()
    job = worker.claim()
    worker.advance(job, 10)
    worker.succeed(job, val_loss=1.0)

    best = api.get(f"/v1/sweeps/{sweep['id']}").json()["best"]

    assert best["value"] == api.get(f"/v1/jobs/{job.id}").json()["timings"][measure]
