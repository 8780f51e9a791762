"""Workers: who is there to train."""

from app.dependencies import MayRead, WorkersDep
from app.http.routing import routes_of
from unitscale.models.pages import Page
from unitscale.models.workers import Worker

router = routes_of("workers")


@router.get("/workers")
async def list_workers(workers: WorkersDep, caller: MayRead) -> Page[Worker]:
    """The nodes that are connected, their slots, and which of the project's jobs each slot trains."""
    return Page(data=tuple(await workers.with_jobs(caller.project)))
