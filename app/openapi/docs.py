"""The API's documentation as Swagger UI, from files that are installed here: no CDN."""

from importlib import resources

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from app.openapi.contract import TITLE

ASSETS = "/docs/assets"


def install(app: FastAPI) -> None:
    """Serve the page and its files; who opens the bare address is led to it."""
    folder = str(resources.files("fastapi_swagger") / "resources")
    app.mount(ASSETS, StaticFiles(directory=folder), name="docs_assets")
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=TITLE,
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon-32x32.png",
        swagger_ui_parameters={"validatorUrl": None, "persistAuthorization": True, "tryItOutEnabled": True},
    )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:  # pyright: ignore[reportUnusedFunction]  # FastAPI uses it
        return page

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:  # pyright: ignore[reportUnusedFunction]  # as above
        return RedirectResponse("/docs")
