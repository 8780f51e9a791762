"""Doorbells lost, and rung too often."""

import time

from benchmarks.chaos import jobs
from benchmarks.chaos.outages import SHORT
from benchmarks.chaos.report import Report
from benchmarks.chaos.stack import Stack
from unitscale.models.jobs import State


def lost(stack: Stack, report: Report, times: int = 20) -> None:
    """Delete every key of Celery's while jobs wait: all run, the first within seconds of a free slot."""
    report.begin("every Celery key deleted")
    with stack.client() as client:
        ids = [client.submit(jobs.spec(n, steps=500)).id for n in range(times)]
        deleted = sum(stack.redis.delete(key) for key in stack.redis.keys("celery:*"))
        ended = jobs.all_ended(client, ids)
    good = sum(job.state is State.SUCCEEDED for job in ended)
    report.note("queued jobs that ran", f"{good} of {times}; {deleted} keys deleted", "all", met=good == times)


def doubled(stack: Stack, report: Report, times: int = 50) -> None:
    """Ring each doorbell five times: one attempt a job."""
    report.begin("doorbells rung five times each")
    with stack.client() as client:
        ids = [client.submit(SHORT).id for _ in range(times)]
        for bell in stack.redis.lrange("celery:cpu-1", 0, -1):
            for _ in range(4):
                stack.redis.lpush("celery:cpu-1", bell)
        attempts = {job.attempt for job in jobs.all_ended(client, ids)}
        time.sleep(1)
        after = {client.job(job_id).attempt for job_id in ids}
    report.note("attempts a job", f"{sorted(attempts | after)}", "[1]", met=attempts | after == {1})
