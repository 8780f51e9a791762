"""The catalog: what can be asked for."""

from app.dependencies import IntakeDep, MayRead
from app.http.routing import routes_of
from unitscale.models.catalog import Catalog

router = routes_of("catalog")


@router.get("/catalog")
async def get_catalog(intake: IntakeDep, caller: MayRead) -> Catalog:  # noqa: ARG001  # only known callers
    """Tasks, data sets, models and units that can be trained here, those of plug-ins included, with their defaults."""
    return (await intake.offer()).catalog()
