"""What a route's signature may name: who may call it, the parts of the service, and the parameters all share."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from app.metrics import Measures
from app.security import may
from app.services import Services
from app.streaming.feed import Feed
from unitscale.models.campaigns import StudyId as IdOfStudy
from unitscale.models.campaigns import SweepId as IdOfSweep
from unitscale.models.campaigns import TransferId as IdOfTransfer
from unitscale.models.datasets import DatasetId as IdOfDataset
from unitscale.models.document import JobId as Id
from unitscale.models.keys import Key
from unitscale.wire.blobs import Blobs
from unitscale.wire.curves import PackedCurves
from unitscale.wire.datasets import Datasets
from unitscale.wire.events import Events
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Jobs
from unitscale.wire.keyring import Keyring
from unitscale.wire.workers import Workers


async def services(request: Request) -> Services:
    """All of the service. (Async, so that it is not sent to a thread.)"""
    return request.app.state.services


def part(name: str) -> Callable[[Request], Awaitable[Any]]:
    """One part of the service."""

    async def found(request: Request) -> Any:
        return getattr(request.app.state.services, name)

    return found


MayRead = Annotated[Key, Depends(may("read"))]
MaySubmit = Annotated[Key, Depends(may("submit"))]
Admin = Annotated[Key, Depends(may("admin"))]

ServicesDep = Annotated[Services, Depends(services)]
BlobsDep = Annotated[Blobs, Depends(part("blobs"))]
CurvesDep = Annotated[PackedCurves, Depends(part("curves"))]
DatasetsDep = Annotated[Datasets, Depends(part("datasets"))]
EventsDep = Annotated[Events, Depends(part("events"))]
FeedDep = Annotated[Feed, Depends(part("feed"))]
IntakeDep = Annotated[Intake, Depends(part("intake"))]
JobsDep = Annotated[Jobs, Depends(part("jobs"))]
KeyringDep = Annotated[Keyring, Depends(part("keyring"))]
WorkersDep = Annotated[Workers, Depends(part("workers"))]

DatasetId = Annotated[IdOfDataset, Path(description="Id of an uploaded data set.")]
StudyId = Annotated[IdOfStudy, Path(description="Id of a study.")]
SweepId = Annotated[IdOfSweep, Path(description="Id of a sweep.")]
TransferId = Annotated[IdOfTransfer, Path(description="Id of a transfer.")]
JobId = Annotated[Id, Path(description="Id of a job.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Entries of a page.")]
Cursor = Annotated[
    str | None, Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="`next_cursor` of a page.")
]
EntryCursor = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,19}-[0-9]{1,19}$", description="`next_cursor` of the page before.")
]


async def measures(request: Request) -> Measures:
    """The instruments of this application."""
    return request.app.state.measures


MeasuresDep = Annotated[Measures, Depends(measures)]


async def own_job(job_id: JobId, jobs: JobsDep, caller: MayRead) -> str:
    """The id, once it is sure that the caller's project has such a job. Raises NotFound."""
    await jobs.ended(caller.project, job_id)
    return job_id


OwnJob = Annotated[str, Depends(own_job)]
"""A job of the caller's project, for a caller who may read."""
