"""Holding an answer back until what it tells of has happened."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from app.streaming.live import Live, heard
from unitscale.models.campaigns import OVER
from unitscale.models.datasets import Dataset, DatasetState
from unitscale.models.jobs import Job
from unitscale.wire.campaigns import Campaigns, Held
from unitscale.wire.datasets import Datasets
from unitscale.wire.jobs import Jobs

T = TypeVar("T")


async def until_ended(jobs: Jobs, live: Live, project: str, job_id: str, seconds: float) -> Job:
    """The job when it has ended, or as it is when the time is up. Raises NotFound."""
    if seconds:
        await _until(bool, lambda: jobs.ended(project, job_id), live, job_id, seconds)
    return await jobs.get(project, job_id)


async def until_checked(datasets: Datasets, live: Live, project: str, dataset_id: str, seconds: float) -> Dataset:
    """The data set when it has been checked, or as it is when the time is up. Raises NotFound."""
    return await _until(
        lambda dataset: dataset.state is not DatasetState.CHECKING,
        lambda: datasets.get(project, dataset_id),
        live,
        dataset_id,
        seconds,
    )


async def until_over(campaigns: Campaigns, live: Live, kind: str, ids: tuple[str, str], seconds: float) -> Held:
    """The project's campaign of this kind when it is over, or as it is when the time is up. Raises NotFound."""
    project, campaign_id = ids
    read = partial(campaigns.get, project, kind, campaign_id)
    return await _until(lambda held: held.state in OVER, read, live, campaign_id, seconds)


async def _until(
    done: Callable[[T], bool], read: Callable[[], Awaitable[T]], live: Live, topic_name: str, seconds: float
) -> T:
    if not seconds:
        return await read()
    until = asyncio.get_running_loop().time() + seconds
    with live.watch(topic_name) as topic:
        while True:
            news = topic.news
            found = await read()
            left = until - asyncio.get_running_loop().time()
            if done(found) or left <= 0:
                return found
            await heard(news, left)
