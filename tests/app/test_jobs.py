"""Jobs over HTTP: submitted, read, listed, called off, forgotten."""

import pytest
from doubles import SPEC


def test_a_submitted_job_is_there(api):
    response = api.post("/v1/jobs", json=SPEC)

    assert response.status_code == 201
    job = response.json()
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    assert api.get(response.headers["location"]).json() == job
    assert job["state"] == "queued"
    assert job["requested"]["dataset"] == "linear"


def test_a_spec_comes_back_with_every_default_filled_in(job):
    assert job["spec"]["units"]["learning_rate"] > 0
    assert job["requested"] == SPEC


def test_a_dry_run_stores_nothing(api):
    response = api.post("/v1/jobs?dry_run=true", json=SPEC)

    assert response.status_code == 200
    assert response.json()["estimate"]["steps"] == 100
    assert api.get("/v1/jobs").json()["data"] == []


def test_the_same_key_and_body_is_the_same_job(api):
    first = api.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "k 1"})
    again = api.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "k 1"})

    assert again.status_code == 201
    assert again.json()["id"] == first.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_the_same_key_with_another_body_is_refused(api):
    api.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "k"})

    response = api.post("/v1/jobs", json=SPEC | {"seed": 1}, headers={"Idempotency-Key": "k"})

    assert response.status_code == 422
    assert response.json()["type"] == "idempotency_mismatch"


def test_pages_hold_every_job_once_newest_first(api):
    made = [api.post("/v1/jobs", json=SPEC | {"name": str(number)}).json()["id"] for number in range(5)]
    seen, cursor = [], None
    while True:
        page = api.get("/v1/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break

    assert seen == made[::-1]
    assert cursor is None


@pytest.mark.parametrize(
    ("query", "found"),
    [("state=queued", 2), ("state=running", 0), ("task=regression", 2), ("label=team:nlp", 1), ("label=team:x", 0)],
)
def test_lists_are_narrowed(api, query, found):
    api.post("/v1/jobs", json=SPEC)
    api.post("/v1/jobs", json=SPEC | {"labels": {"team": "nlp"}})

    assert len(api.get(f"/v1/jobs?{query}").json()["data"]) == found


def test_cancelling_again_is_fine(api, job):
    path = f"/v1/jobs/{job['id']}/cancel"

    assert api.post(path).json()["state"] == "cancelled"
    assert api.post(path).status_code == 200


def test_a_finished_job_cannot_be_cancelled(api, job, worker):
    worker.succeed(worker.claim())

    response = api.post(f"/v1/jobs/{job['id']}/cancel")

    assert response.status_code == 409
    assert response.json()["type"] == "illegal_transition"


def test_a_paused_job_is_queued_again(api, job):
    assert api.post(f"/v1/jobs/{job['id']}/pause").json()["state"] == "paused"
    assert api.post(f"/v1/jobs/{job['id']}/resume").json()["state"] == "queued"


def test_a_running_job_is_paused_as_a_wish(api, job, worker):
    worker.claim()

    paused = api.post(f"/v1/jobs/{job['id']}/pause").json()

    assert (paused["state"], paused["wish"]) == ("running", "pause")


def test_only_ended_jobs_are_deleted(api, job):
    path = f"/v1/jobs/{job['id']}"

    assert api.delete(path).json()["type"] == "not_ended"
    api.post(f"{path}/cancel")
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_deleting_a_job_removes_its_files(api, job, settings):
    folder = settings.data_folder / "jobs" / job["id"] / "attempt-1"
    folder.mkdir(parents=True)
    api.post(f"/v1/jobs/{job['id']}/cancel")

    api.delete(f"/v1/jobs/{job['id']}")

    assert not folder.parent.exists()


def test_waiting_ends_when_the_job_does(api, job, worker, later):
    claimed, happened = worker.claim(), []
    later(0.3, lambda: happened.append("ended") or worker.succeed(claimed))

    waited = api.get(f"/v1/jobs/{job['id']}?wait=60").json()  # longer than the client has patience
    happened.append("answered")

    assert waited["state"] == "succeeded"
    assert happened == ["ended", "answered"]


def test_waiting_ends_when_the_time_is_up(api, job):
    assert api.get(f"/v1/jobs/{job['id']}?wait=0.2").json()["state"] == "queued"


def test_what_the_caller_has_is_not_sent_again(api, job, worker):
    path = f"/v1/jobs/{job['id']}"
    tag = api.get(path).headers["etag"]

    unchanged = api.get(path, headers={"If-None-Match": tag})
    worker.claim()
    changed = api.get(path, headers={"If-None-Match": tag})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert changed.status_code == 200


def test_the_quota_is_told(valkey, settings, worker, serve):
    with serve(settings.model_copy(update={"max_unfinished_jobs": 1})) as server, server.client() as api:
        api.post("/v1/jobs", json=SPEC)

        response = api.post("/v1/jobs", json=SPEC)

    assert response.status_code == 429
    assert response.headers["retry-after"]


def test_a_dry_run_says_that_a_job_is_too_short_for_its_batch_to_be_measured(api):
    spec = {"task": "text-generation", "dataset": "grammar", "units": {"batch_size": "auto"}, "budget": {"steps": 30}}

    said = api.post("/v1/jobs", params={"dry_run": True}, json=spec).json()["estimate"]["tuning"]

    assert said.startswith("The batch size is the default, 32: measuring the noise takes 30 steps")
