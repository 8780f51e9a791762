"""What a caller sees of the whole service: jobs are trained, followed, paused, asked."""

import subprocess
import sys

import pytest

from benchmarks.chaos import jobs
from benchmarks.chaos.stack import until
from unitscale.errors import Unsupported, WrongInput
from unitscale.models.jobs import State

LINE = {
    "task": "regression",
    "dataset": "linear",
    "units": {"learning_rate": 0.1, "batch_size": "full"},
    "optimizer": {"name": "sgd"},
    "budget": {"epochs": 200},
}


@pytest.fixture(scope="module")
def line(stack):
    with stack.client() as client:
        yield client.wait(client.submit(LINE).id)


def test_a_line_is_learned(client, line):
    assert line.state is State.SUCCEEDED
    assert client.predict(line.id, [0.0, 1.0]).outputs == pytest.approx([1, 3], abs=0.1)
    assert line.result.test_metrics["r2"] > 0.99


def test_wrong_input_is_told_where_it_is_wrong(client, line):
    with pytest.raises(WrongInput) as error:
        client.predict(line.id, [[1.0], [1.0, 2.0]])
    assert error.value.fields[0][0] == "/inputs/1"


def test_its_life_is_told_in_order(client, line):
    assert [event.data["state"] for event in jobs.states(client, line.id)] == ["queued", "running", "succeeded"]


def test_its_log_says_where_it_ran_how_it_came_along_and_how_it_ended(client, line):
    first, *evaluations, last = [entry.line for entry in client.iterate_logs(line.id)]

    assert first.startswith("attempt 1 on cpu:0: 200 steps, 2 parameters")
    assert [said.split(":")[0] for said in evaluations] == [f"step {step}/200" for step in range(20, 201, 20)]
    assert all("val_loss" in said for said in evaluations)
    assert last.startswith("succeeded, stopped by budget: val_loss")


def test_following_gives_every_point_once(client):
    job = client.submit(jobs.spec(0, steps=3000))

    steps = [
        step
        for event in client.follow(job.id)
        if event.type == "points"
        for step in event.data["curves"].get("train_loss", {}).get("step", ())
    ]

    assert steps == list(range(1, 3001))


def test_a_paused_job_goes_on_where_it_stood(client):
    expected = jobs.reference(client, jobs.spec(1, steps=10_000))
    job = client.submit(jobs.spec(1, steps=10_000))
    until(lambda: client.job(job.id).progress.step > 100)
    client.pause(job.id)
    until(lambda: client.job(job.id).state is State.PAUSED)
    client.resume(job.id)

    after = client.wait(job.id)

    assert (after.attempt, after.losses) == (2, 0)
    assert jobs.outcome(client, job.id) == expected


def test_only_the_newest_checkpoints_are_kept(stack, client):
    job = client.wait(client.submit(jobs.spec(2, steps=12_000, checkpoint_seconds=0.1)).id)

    listed = [checkpoint.step for checkpoint in client.checkpoints(job.id)]

    folders = (stack.folder / "jobs" / job.id).glob("attempt-*/checkpoints/step-*")
    assert sorted(int(folder.name.removeprefix("step-")) for folder in folders) == listed
    assert len(listed) == 2


def test_a_diverged_job_says_so(client):
    spec = LINE | {"units": {"learning_rate": 1000.0, "batch_size": "full"}}

    job = client.wait(client.submit(spec).id)

    assert (job.state, job.reason.code) == (State.FAILED, "diverged")


def test_a_trainer_that_dies_again_and_again_fails_its_job_for_that_reason(stack, client):
    job = client.submit(jobs.spec(0, steps=1_000_000, checkpoint_seconds=1000))
    for attempt in range(1, 6):
        until(lambda: client.job(job.id).attempt == attempt and client.job(job.id).progress.step > 0)  # noqa: B023
        busiest = max(stack.processes("trainer"), key=lambda process: process.cpu_times().user)
        busiest.kill()
        until(lambda: client.job(job.id).losses == attempt)  # noqa: B023

    after = client.wait(job.id)

    assert (after.state, after.reason.code, after.losses) == (State.FAILED, "killed", 5)


def test_workers_say_what_they_train(stack, client):
    job = client.submit(jobs.spec(0, steps=1_000_000))
    until(lambda: any(job.id in slot.jobs for worker in client.workers() for slot in worker.slots))

    client.cancel(job.id)

    assert client.wait(job.id).state is State.CANCELLED


def test_celery_sees_what_runs(stack, client):
    job = client.submit(jobs.spec(0, steps=1_000_000))
    until(lambda: client.job(job.id).state is State.RUNNING)
    command = [sys.executable, "-m", "celery", "-A", "worker.main", "inspect", "active", "--json"]
    environment = {"UNITSCALE_DATA_DIR": str(stack.folder), "PATH": ""}

    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    client.cancel(job.id)

    assert "unitscale.train" in answer.stdout


def test_no_secret_reaches_a_trainer(stack):
    """Trainers are forked from nurseries, so a nursery's environment is what they see."""
    nurseries = stack.processes("nursery")

    assert len(nurseries) == 2
    assert not any({"UNITSCALE_API_KEY", "UNITSCALE_REDIS_URL"} & nursery.environ().keys() for nursery in nurseries)


def test_a_model_whose_validation_loss_is_no_number_has_diverged(client):
    spec = {
        "task": "regression",
        "model": {"kind": "mlp", "depth": 8},
        "units": {"learning_rate": 1e6},
        "optimizer": {"name": "sgd"},
        "budget": {"steps": 1},
    }

    job = client.wait(client.submit(spec).id)

    assert (job.state, job.reason.code) == (State.FAILED, "diverged")


def test_a_network_too_deep_for_its_images_is_refused(client):
    with pytest.raises(Unsupported, match="cannot be halved 1024 times; give at most 3") as refused:
        client.submit({"task": "image-classification", "model": {"kind": "convnet", "depth": 1024}})

    assert [pointer for pointer, _ in refused.value.fields] == ["/model/depth"]
