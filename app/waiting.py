"""Holding an answer back until the job has ended."""

import asyncio

from app.live import Live, heard
from unitscale.models.jobs import ENDED, Job
from unitscale.wire.jobs import Jobs


async def until_ended(jobs: Jobs, live: Live, project: str, job_id: str, seconds: float) -> Job:
    """The job when it has ended, or as it is when the time is up. Raises NotFound."""
    if not seconds:
        return await jobs.get(project, job_id)
    until = asyncio.get_running_loop().time() + seconds
    with live.watch(job_id) as topic:
        while True:
            news = topic.news
            job = await jobs.get(project, job_id)
            left = until - asyncio.get_running_loop().time()
            if job.state in ENDED or left <= 0:
                return job
            await heard(news, left)
