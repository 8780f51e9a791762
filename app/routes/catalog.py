"""The catalog: what can be asked for."""

from app.dependencies import MayRead
from app.routing import routes_of
from unitscale.models.catalog import CATALOG, Catalog

router = routes_of("catalog")


@router.get("/catalog")
async def get_catalog(caller: MayRead) -> Catalog:  # noqa: ARG001  # only known callers
    """Tasks, data sets, models and units that can be trained here, with their defaults."""
    return CATALOG
