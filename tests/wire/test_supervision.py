"""What a supervisor makes of what its trainer says."""

import asyncio

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
from worker.slot.lane import JobLane
from worker.slot.log import Log
from worker.slot.spare import Trainer
from worker.slot.supervisor import listen


def a_trainer_that_says(line):
    messages, log = asyncio.StreamReader(), asyncio.StreamReader()
    messages.feed_data(line + b"\n")
    messages.feed_eof()
    return Trainer(pid=0, orders=None, messages=messages, log=log, status=asyncio.Future())


@pytest.mark.parametrize("line", [b"no JSON", b'{"say": "started", "job": "?", "steps": 1e99}'])
async def test_a_trainer_that_cannot_be_understood_fails_its_job(store, tmp_path, line):
    jobs, attempts = Jobs(store, Workers(store)), Attempts(store, lease_seconds=30, max_losses=3)
    intake = Intake(jobs, Datasets(store), Workers(store), 10)
    job, _ = await intake.submit(JobSpec(task="regression"), "lab")
    [claimed] = await attempts.claim("cpu-1", "ticket", "node", "cpu")
    blobs, uploads = Blobs(tmp_path, Folder(tmp_path)), Uploads(tmp_path, Folder(tmp_path))
    lane = JobLane(claimed, attempts, blobs, uploads, asyncio.Event(), "cpu:0")
    trainer, lanes = a_trainer_that_says(line), {job.id: lane}

    sending = asyncio.create_task(lane.send())
    await listen(trainer, lanes, Log(trainer, lanes), slot=None)
    await lane.close()
    await asyncio.wait_for(sending, 5)

    after = await jobs.get("lab", job.id)
    assert (after.state, after.reason.code) == (State.FAILED, "internal")
    assert "cannot be understood" in after.reason.message
