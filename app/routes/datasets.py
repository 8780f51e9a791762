"""Data sets: uploaded, read, listed, forgotten."""

from asyncio import to_thread
from typing import Annotated

from fastapi import Query, Request, Response

from app.dependencies import Cursor, DatasetId, DatasetsDep, Limit, MayRead, MaySubmit, ServicesDep
from app.errors import problems
from app.http.creating import created, located
from app.http.idempotency import Key
from app.http.routing import routes_of
from app.http.waiting import until_checked
from app.openapi.forms import UPLOAD_BODY
from app.uploads.receiving import take_in
from unitscale.errors import DatasetInUse, IdempotencyMismatch, NotFound, TooLarge
from unitscale.models.datasets import Dataset
from unitscale.models.pages import Page

router = routes_of("datasets")

Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to hold the answer back until it has been checked.")]
UPLOADED = {**created("The data set, about to be checked."), **problems(IdempotencyMismatch, TooLarge)}


@router.post("/datasets", status_code=201, responses=UPLOADED, openapi_extra=UPLOAD_BODY)
async def upload_dataset(
    request: Request, services: ServicesDep, caller: MaySubmit, response: Response, idempotency_key: Key = None
) -> Dataset:
    """Take in a file of any size as it comes, and return; its check says whether jobs can train on it."""
    dataset, replayed = await take_in(services, caller.project, request, idempotency_key)
    located(response, f"/v1/datasets/{dataset.id}", replayed)
    return dataset


@router.get("/datasets")
async def list_datasets(
    datasets: DatasetsDep, caller: MayRead, limit: Limit = 50, cursor: Cursor = None
) -> Page[Dataset]:
    """The project's uploaded data sets, newest first."""
    return await datasets.page(caller.project, limit, cursor)


@router.get("/datasets/{dataset_id}", responses=problems(NotFound))
async def get_dataset(dataset_id: DatasetId, services: ServicesDep, caller: MayRead, wait: Wait = 0) -> Dataset:
    """A data set as it stands, or, with `?wait=`, once it has been checked."""
    return await until_checked(services.datasets, services.live, caller.project, dataset_id, wait)


@router.delete("/datasets/{dataset_id}", status_code=204, responses=problems(NotFound, DatasetInUse))
async def delete_dataset(dataset_id: DatasetId, services: ServicesDep, caller: MaySubmit) -> None:
    """Forget a data set that no unfinished job uses, with its file. Models trained on it stay."""
    dataset = await services.datasets.get(caller.project, dataset_id)
    await services.datasets.delete(caller.project, dataset_id)
    await to_thread(services.uploads.forget, dataset_id, dataset.sha256)
