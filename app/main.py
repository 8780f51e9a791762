"""The API: built from settings, and served."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from app import errors, metrics
from app.http.etags import ETags
from app.http.limits import BodyLimit
from app.http.request_ids import RequestIds
from app.openapi import contract, docs
from app.routes import (
    advice,
    artifacts,
    catalog,
    compare,
    curves,
    datasets,
    events,
    health,
    jobs,
    keys,
    logs,
    predictions,
    scaling_laws,
    studies,
    sweeps,
    transfers,
    workers,
)
from app.services import Services
from app.uploads.cleanup import Sweep
from unitscale import __version__
from unitscale.wire.reaper import Reaper
from unitscale.wire.settings import Settings

GARBAGE_THRESHOLDS = (50_000, 20, 50)
"""Rare collections over what requests leave; what is there at the start is never looked at again."""
GOODBYE_SECONDS = 2
FORM_BYTES = 2**16
"""What the form around an upload may add to it."""
ROUTERS = (
    *(jobs.poll, jobs.router, curves.export, curves.router, events.stream, events.router, logs.plain, logs.router),
    *(artifacts.router, predictions.router, compare.router, datasets.router, catalog.router, workers.router),
    *(sweeps.router, studies.router, transfers.router),
    scaling_laws.router,
    advice.router,
    *(keys.router, health.router),
)
"""In the order in which they are asked: a route for one media type stands before the one for JSON."""


def create_app(settings: Settings) -> FastAPI:
    """The API over the record that the settings name. It starts also while that is away."""
    measures = metrics.Measures()
    app = FastAPI(
        title=contract.TITLE,
        description=contract.DESCRIPTION,
        version=__version__,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = Services(settings)
    app.state.measures = measures
    app.add_middleware(ETags)
    app.add_middleware(
        BodyLimit, most_bytes=settings.max_body_bytes, most_upload_bytes=settings.max_dataset_bytes + FORM_BYTES
    )
    app.add_middleware(RequestIds)
    app.add_middleware(metrics.Measured, measures=measures)
    errors.install(app)
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    docs.install(app)
    contract.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    services: Services = app.state.services
    settings = services.settings
    reaper = Reaper(services.store, settings.lease_seconds, settings.max_losses)
    sweep = Sweep(services.datasets, services.uploads)
    verbs = (services.admission.run, services.live.run, reaper.run, sweep.run)
    tasks = [asyncio.create_task(verb()) for verb in verbs]
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await services.store.redis.aclose()


def main() -> None:
    """Serve on the address of the settings."""
    settings = Settings.of_environment()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level=settings.log_level.lower(),
        server_header=False,
        timeout_graceful_shutdown=GOODBYE_SECONDS,  # streams have no end of their own
    )


if __name__ == "__main__":
    main()
