"""The whole service on an object store, with a data directory of its own for each of its parts."""

import hashlib
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from buckets import NAME, ObjectStore
from safetensors.numpy import load_file

from benchmarks.chaos.stack import KEY, LEASE_SECONDS, Stack, until
from unitscale.client import Client, Retries
from unitscale.errors import FilesAway
from unitscale.models.datasets import DatasetState
from unitscale.models.jobs import State

LONG = {
    "task": "regression",
    "model": {"kind": "mlp"},
    "budget": {"steps": 15_000},
    "checkpoint": {"every_seconds": 0.3},
}


class Apart(Stack):
    """A service whose API and nodes share the record and the object store, and no folder."""

    def __init__(self, folder, environment) -> None:
        super().__init__(folder)
        self._given = environment

    def start(self, name: str) -> None:
        shared = {"UNITSCALE_REDIS_URL": f"unix://{self.folder}/valkey/valkey.sock"}
        self._more = self._given | shared | {"UNITSCALE_BLOB_URL": f"s3://{NAME}/lab"}
        self._more |= {"UNITSCALE_DATA_DIR": str(self.disk(name, ""))}
        super().start(name)

    def disk(self, name: str, path: str) -> Path:
        """A place in the data directory of one part."""
        return self.folder / f"disk-of-{name}" / path

    def _environment(self) -> dict[str, str]:
        return super()._environment() | self._more


@pytest.fixture(scope="module")
def object_store():
    with ObjectStore() as server:
        yield server


@pytest.fixture(scope="module")
def apart(tmp_path_factory, object_store):
    with Apart(tmp_path_factory.mktemp("s3"), object_store.environment) as running:
        yield running


@pytest.fixture
def client(apart):
    with apart.client() as caller:
        yield caller


@pytest.fixture
def table(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(400, 2))
    rows = [f"{a},{b},{3 * a - 2 * b + 1}" for a, b in numbers]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    return tmp_path / "t.csv"


@contextmanager
def away(object_store):
    object_store.go_away()
    try:
        yield
    finally:
        object_store.come_back()


def spec_on(dataset, **changed):
    units = {"learning_rate": 0.01, "batch_size": 32}
    return LONG | {"dataset": dataset.id, "units": units} | changed


def test_a_job_is_killed_resumed_on_another_disk_downloaded_and_asked(client, apart, object_store, table, tmp_path):
    dataset = client.checked(client.upload(table, "regression").id)
    job = client.submit(spec_on(dataset))
    until(lambda: client.checkpoints(job.id), what="a checkpoint")
    running = client.job(job.id)
    victim = next(name for name in apart.nodes if apart.disk(name, f"jobs/{job.id}").exists())
    apart.kill(victim)
    job = client.wait(job.id)
    apart.start(victim)
    alone = client.wait(client.submit(spec_on(dataset)).id)
    weights = client.download(job.id, "model.safetensors", tmp_path / "model.safetensors")

    assert dataset.state is DatasetState.READY, dataset.reason
    assert (running.attempt, job.state, job.attempt) == (1, State.SUCCEEDED, 2), job.reason
    assert client.curves(job.id).curves == client.curves(alone.id).curves
    known = {file.name: file.sha256 for file in client.artifacts(job.id)}
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == known["model.safetensors"]
    assert len(load_file(weights)) > 1
    assert client.predict(job.id, [[0.0, 0.0], [1.0, 1.0]]).outputs == pytest.approx([1, 2], abs=0.2)


def test_a_job_starts_from_another_ones_weights(client, table):
    dataset = client.checked(client.upload(table, "regression").id)
    origin = client.wait(client.submit(spec_on(dataset, budget={"steps": 200})).id)
    job = client.wait(client.submit(spec_on(dataset, budget={"steps": 1}, init_from={"job": origin.id})).id)

    assert job.state is State.SUCCEEDED, job.reason
    assert job.result.train_loss < 2 * origin.result.train_loss


def test_jobs_train_on_while_the_object_store_is_away(client, apart, object_store):
    job = client.submit(LONG | {"budget": {"steps": 30_000}})
    until(lambda: client.checkpoints(job.id), what="a checkpoint")
    with away(object_store):
        before = client.job(job.id).progress.step
        until(lambda: client.job(job.id).progress.fraction == 1, seconds=90, what="the last step")
        time.sleep(2 * LEASE_SECONDS)
        waiting = client.job(job.id)
    done = client.wait(job.id)

    assert before < 30_000
    assert (waiting.state, waiting.attempt) == (State.RUNNING, 1)
    assert (done.state, done.attempt, done.losses) == (State.SUCCEEDED, 1, 0)
    assert client.predict(job.id, [[0.0]]).outputs


def test_a_job_that_is_called_off_does_not_wait_for_the_object_store(client, object_store):
    job = client.submit(LONG | {"budget": {"steps": 10_000_000}})
    until(lambda: client.checkpoints(job.id), what="a checkpoint")
    with away(object_store):
        client.cancel(job.id)
        assert client.wait(job.id).state is State.CANCELLED


def test_uploads_and_downloads_are_503_while_the_object_store_is_away(apart, client, object_store, table):
    job = client.wait(client.submit({"task": "regression", "budget": {"steps": 2}}).id)
    with away(object_store), Client(apart.url, KEY, retries=Retries(tries=1)) as hasty:
        for verb in (lambda: hasty.upload(table, "regression"), lambda: hasty.download(job.id, "config.json", table)):
            with pytest.raises(FilesAway):
                verb()


def test_what_is_deleted_leaves_no_object(client, apart, object_store, table):
    dataset = client.checked(client.upload(table, "regression").id)
    job = client.wait(client.submit(spec_on(dataset, budget={"steps": 2})).id)
    before = object_store.names(f"lab/jobs/{job.id}") + object_store.names(f"lab/datasets/{dataset.id}")
    client.delete(job.id)
    client.delete_dataset(dataset.id)

    assert len(before) >= 4
    assert object_store.names(f"lab/jobs/{job.id}") + object_store.names(f"lab/datasets/{dataset.id}") == []


def test_working_copies_of_what_has_ended_are_gone(client, apart, table):
    dataset = client.checked(client.upload(table, "regression").id)
    job = client.wait(client.submit(spec_on(dataset, budget={"steps": 2})).id)

    until(lambda: not any(apart.disk(name, f"jobs/{job.id}/attempt-1").exists() for name in apart.nodes))
    assert not list(apart.disk("api", "datasets").glob("ds_*"))


def test_trainers_hold_no_key_of_the_object_store(apart):
    environments = [process.environ() for process in apart.processes("trainer")]

    assert environments
    assert not [name for environment in environments for name in environment if name.startswith("AWS_")]
    assert all("a-secret-of-aws" in process.environ().values() for process in apart.processes("supervisor"))
