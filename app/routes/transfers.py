"""Transfers: does the best learning rate stay put across scale?"""

from functools import partial

from fastapi import Response

from app.campaigns.beginning import CREATED, Wait, begin
from app.campaigns.transfers import drawn_up, shown
from app.dependencies import Cursor, Limit, MayRead, MaySubmit, ServicesDep, TransferId
from app.errors import problems
from app.http.creating import located
from app.http.idempotency import Key, of_body
from app.http.routing import routes_of
from app.http.waiting import until_over
from unitscale.errors import IdempotencyMismatch, IllegalTransition, NotFound, NoWorker, QuotaExceeded, Unsupported
from unitscale.models.pages import Page
from unitscale.models.transfers import Transfer, TransferSpec

KIND = "transfer"
router = routes_of("transfers")


@router.post(
    "/transfers",
    status_code=201,
    responses={**CREATED, **problems(Unsupported, NoWorker, IdempotencyMismatch, QuotaExceeded)},
)
async def create_transfer(
    transfer: TransferSpec, services: ServicesDep, caller: MaySubmit, response: Response, idempotency_key: Key = None
) -> Transfer:
    """Train a grid of learning rates at each value, under each parametrization, and see where the best of them lies."""
    idempotency = of_body("/v1/transfers", transfer, idempotency_key)
    draw_up = partial(drawn_up, services, caller.project, transfer)
    held, replayed = await begin(services, caller.project, KIND, transfer, draw_up, idempotency)
    located(response, f"/v1/transfers/{held.id}", replayed)
    return await shown(services, held)


@router.get("/transfers")
async def list_transfers(
    services: ServicesDep, caller: MayRead, limit: Limit = 50, cursor: Cursor = None
) -> Page[Transfer]:
    """The project's transfers, newest first."""
    page = await services.campaigns.page(caller.project, KIND, limit, cursor)
    data = tuple([await shown(services, held) for held in page.data])
    return Page(data=data, has_more=page.has_more, next_cursor=page.next_cursor)


@router.get("/transfers/{transfer_id}", responses=problems(NotFound))
async def get_transfer(transfer_id: TransferId, services: ServicesDep, caller: MayRead, wait: Wait = 0) -> Transfer:
    """A transfer as it stands, with the vertices found so far, or, with `?wait=`, as it ended."""
    held = await until_over(services.campaigns, services.live, KIND, (caller.project, transfer_id), wait)
    return await shown(services, held)


@router.post("/transfers/{transfer_id}/cancel", responses=problems(NotFound, IllegalTransition))
async def cancel_transfer(transfer_id: TransferId, services: ServicesDep, caller: MaySubmit) -> Transfer:
    """Call a transfer off with all of its jobs; it is cancelled when the last of them has stopped."""
    return await shown(services, await services.campaigns.cancel(caller.project, KIND, transfer_id))
