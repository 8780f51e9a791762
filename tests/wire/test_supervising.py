"""A supervisor one of whose duties fails: its attempt ends at once, and the job is there for the next one."""

import asyncio
import os

import psutil
import pytest

from unitscale.models.jobs import State
from unitscale.models.specs import JobSpec
from unitscale.wire.attempts import Attempts
from unitscale.wire.blobs import Blobs
from unitscale.wire.datasets import Datasets
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Jobs
from unitscale.wire.shelves import Folder
from unitscale.wire.uploads import Uploads
from unitscale.wire.workers import Workers
from worker.slot.spare import Nursery, Spare
from worker.slot.supervisor import Slot, supervise

LONG = {"task": "regression", "dataset": "linear", "resources": {"alone": True}, "budget": {"steps": 10**9}}


class Observed(Spare):
    """Remembers whom it gave away."""

    def __init__(self, nursery):
        super().__init__(nursery)
        self.taken = []

    async def take(self):
        self.taken.append(await super().take())
        return self.taken[-1]

    async def close(self):
        """End the one that waits, and hear all of them out."""
        await self.take()
        for trainer in self.taken:
            await trainer.gone()
            await trainer.log.read()


class NoRenewal(Attempts):
    """Fails to renew, for no reason that passes."""

    async def renew(self, group):
        raise RuntimeError("a reply that nobody understands")


class NoPoints(Attempts):
    """Fails to write points, for no reason that passes."""

    async def advance(self, job, to, stretches):
        raise RuntimeError("no room for points")


@pytest.fixture
async def slot(store, tmp_path):
    """Makes a slot whose worker stays."""
    nursery, (stays, leaving) = Nursery(tmp_path), os.pipe()
    spare = Observed(nursery)

    def make(attempts):
        blobs, uploads = Blobs(tmp_path, Folder(tmp_path)), Uploads(tmp_path, Folder(tmp_path))
        return Slot("node", ("cpu:0",), "cpu-1", attempts, blobs, uploads, spare, 30, stays)

    yield make
    await spare.close()
    nursery.close()
    await asyncio.sleep(0.1)  # in which what is closed is taken apart
    os.close(stays)
    os.close(leaving)


@pytest.mark.parametrize("failing", [NoRenewal, NoPoints])
async def test_a_failing_duty_ends_the_attempt_at_once(store, slot, failing):
    jobs = Jobs(store, Workers(store))
    intake = Intake(jobs, Datasets(store), Workers(store), max_unfinished_jobs=5)
    job, _ = await intake.submit(JobSpec.model_validate(LONG), "lab")
    failed = slot(failing(store, lease_seconds=30, max_losses=3))

    await supervise(failed)

    assert not psutil.pid_exists(failed.spare.taken[0].pid)
    after = await jobs.get("lab", job.id)
    assert (after.state, after.attempt, after.losses) == (State.QUEUED, 1, 1)
