"""What finished jobs leave: files, answers, comparisons; and who is there to train."""

import hashlib
import re
import time

import pytest
from doubles import SPEC

from unitscale.models.document import moment
from unitscale.models.jobs import Artifact
from unitscale.models.workers import Slot, Worker


@pytest.fixture
def finished(api, job, worker, settings):
    """A job that left one file."""
    folder = settings.data_folder / "jobs" / job["id"] / "attempt-1" / "artifacts"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    worker.succeed(worker.claim(), (Artifact(name="model.safetensors", bytes=7, sha256=digest),), val_loss=0.5)
    return job


def test_artifacts_are_downloaded_with_their_hash(api, finished):
    path = f"/v1/jobs/{finished['id']}/artifacts"
    [artifact] = api.get(path).json()["data"]

    response = api.get(f"{path}/{artifact['name']}")

    assert response.content == b"weights"
    assert response.headers["etag"] == f'"{artifact["sha256"]}"'
    assert "model.safetensors" in response.headers["content-disposition"]
    assert api.get(f"{path}/{artifact['name']}", headers={"If-None-Match": response.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("name", ["..%2f..%2fadmin.key", "other", "...", "%2e%2e%2f"])
def test_no_other_file_is(api, finished, name):
    assert api.get(f"/v1/jobs/{finished['id']}/artifacts/{name}").status_code == 404


def test_checkpoints_are_listed(api, job, worker):
    worker.publish(worker.claim(), 7)

    [checkpoint] = api.get(f"/v1/jobs/{job['id']}/checkpoints").json()["data"]

    assert (checkpoint["step"], checkpoint["attempt"]) == (7, 1)


def answering(worker, answer):
    while (taken := worker.run(worker.questions.take("w1"))) is None:
        pass
    worker.run(worker.questions.answer(taken[0], answer))


def test_the_model_answers(api, finished, worker, later):
    later(0.1, answering, worker, {"outputs": [2.0]})

    response = api.post(f"/v1/jobs/{finished['id']}/predictions", json={"inputs": [[0.5]]})

    assert response.json() == {"outputs": [2.0]}


def test_a_format_that_was_not_left_is_409_and_named_with_what_there_is(api, finished):
    response = api.post(f"/v1/jobs/{finished['id']}/predictions", json={"inputs": [[0.5]], "format": "int8"})

    assert response.status_code == 409
    assert response.json()["type"] == "no_such_format"
    assert "fp32" in response.json()["detail"]
    assert response.json()["errors"][0]["pointer"] == "/format"


def test_the_worker_hears_which_format_is_asked_and_how_long_is_waited(api, finished, worker, later):
    asked = []

    def answer():
        while (taken := worker.run(worker.questions.take("node"))) is None:
            pass
        asked.append((taken[1]["format"], taken[1]["seconds"]))
        worker.run(worker.questions.answer(taken[0], {"outputs": [2.0]}))

    later(0.1, answer)
    api.post(f"/v1/jobs/{finished['id']}/predictions", json={"inputs": [[0.5]]})

    assert asked == [("fp32", 0.5)]


def test_what_kept_the_worker_from_answering_is_told_at_once(api, finished, worker, later):
    later(0.1, answering, worker, {"trouble": "The object store cannot be reached."})

    response = api.post(f"/v1/jobs/{finished['id']}/predictions", json={"inputs": [[0.5]]})

    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json()["detail"] == "The object store cannot be reached."


def test_an_input_that_the_model_cannot_read_is_422(api, finished, worker, later):
    later(0.1, answering, worker, {"problem": "One number is expected.", "fields": [["/inputs/0", "two numbers"]]})

    response = api.post(f"/v1/jobs/{finished['id']}/predictions", json={"inputs": [[0.5, 1]]})

    assert response.status_code == 422
    assert response.json()["type"] == "wrong_input"
    assert response.json()["errors"] == [{"pointer": "/inputs/0", "detail": "two numbers"}]


def test_a_model_that_cannot_answer_is_500_and_not_the_inputs_fault(api, finished, worker, later):
    later(0.1, answering, worker, {"failure": "The model could not answer; the worker's log says why."})

    response = api.post(f"/v1/jobs/{finished['id']}/predictions", json={"inputs": [[0.5]]})

    assert response.status_code == 500
    assert response.json()["type"] == "internal"
    assert "log says why" in response.json()["detail"]


@pytest.mark.parametrize("sampling", [{"max_tokens": 2048}, {"max_tokens": 50, "beams": 2}])
def test_more_tokens_than_can_be_written_in_time_are_422(api, finished, sampling):
    asked = {"inputs": ["every "] * 1024, "sampling": sampling}

    response = api.post(f"/v1/jobs/{finished['id']}/predictions", json=asked)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/sampling/max_tokens"]
    assert "65,536" in response.json()["detail"]


def test_many_inputs_of_few_tokens_are_asked(api, finished, worker, later):
    later(0.1, answering, worker, {"outputs": ["a"] * 1024})
    asked = {"inputs": ["every "] * 1024, "sampling": {"max_tokens": 64}}

    assert api.post(f"/v1/jobs/{finished['id']}/predictions", json=asked).status_code == 200


def test_a_worker_that_ran_out_of_time_is_still_heard(api, finished, worker, later):
    def answer():
        while (taken := worker.run(worker.questions.take("node"))) is None:
            pass
        time.sleep(taken[1]["seconds"])
        worker.run(worker.questions.answer(taken[0], {"trouble": "It took too long."}))

    later(0.1, answer)
    response = api.post(f"/v1/jobs/{finished['id']}/predictions", json={"inputs": [[0.5]]})

    assert (response.status_code, response.json()["detail"]) == (503, "It took too long.")


def test_no_answer_in_time_is_503(api, finished):
    response = api.post(f"/v1/jobs/{finished['id']}/predictions", json={"inputs": [[0.5]]})

    assert response.status_code == 503
    assert response.headers["retry-after"]


def test_a_job_without_weights_cannot_be_asked(api, job):
    response = api.post(f"/v1/jobs/{job['id']}/predictions", json={"inputs": [[0.5]]})

    assert response.status_code == 409
    assert response.json()["type"] == "no_weights"


def test_jobs_are_compared_by_what_differs(api, finished, worker):
    default = finished["spec"]["units"]["learning_rate"]
    other = api.post("/v1/jobs", json=SPEC | {"units": {"learning_rate": 0.5}, "name": "b"}).json()

    answer = api.get(f"/v1/compare?jobs={finished['id']},{other['id']}").json()

    assert [job["id"] for job in answer["jobs"]] == [finished["id"], other["id"]]
    assert answer["fields"] == {
        "name": [None, "b"],
        "units.learning_rate": [default, 0.5],
    }
    assert answer["measures"]["val_loss"] == [0.5, None]


def test_the_catalog_names_what_can_be_trained(api):
    assert "regression" in [task["name"] for task in api.get("/v1/catalog").json()["tasks"]]


def test_workers_show_the_projects_own_jobs(api, job, worker, server):
    slot = Slot(devices=("cpu",), queue="cpu-1")
    now = moment(1_760_000_000_000)
    node = Worker(id="w1", started_at=now, seen_at=now, hardware="x", device="cpu", slots=(slot,), version="0")
    worker.run(worker.workers.describe(node))
    worker.claim()
    worker.admit("us_stranger", "other")
    with server.client("us_stranger") as stranger:
        seen_by_stranger = stranger.get("/v1/workers").json()

    assert api.get("/v1/workers").json()["data"][0]["slots"][0]["jobs"] == [job["id"]]
    assert seen_by_stranger["data"][0]["slots"][0]["jobs"] == []


def test_metrics_count_requests_and_jobs_and_name_no_project(api, job, server):
    api.get(f"/v1/jobs/{job['id']}")
    with server.client(None) as anyone:
        text = anyone.get("/metrics").text

    assert re.search(r'unitscale_jobs_queued\{[^}]*queue="cpu-1"[^}]*\} 1\.0', text)
    assert 'route="/v1/jobs/{job_id}"' in text
    assert job["id"] not in text
    assert "default" not in text


def test_the_documentation_needs_no_other_host(server):
    with server.client(None) as anyone:
        page = anyone.get("/docs").text
        assets = re.findall(r'(?:src|href)="([^"]+)"', page)

        assert assets
        assert all(path.startswith("/") and anyone.get(path).status_code == 200 for path in assets)
        assert "https://" not in page
