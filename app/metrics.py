"""What operators watch, for Prometheus: requests by route and status, and jobs by queue. No project is named."""

import time

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unitscale.errors import StoreAway
from unitscale.wire.jobs import Jobs

CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
NOWHERE = "none"


class Measures:
    """The instruments of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "unitscale_http_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._queued = Gauge("unitscale_jobs_queued", "Jobs that wait.", ("queue",), registry=self._registry)
        self._running = Gauge("unitscale_jobs_running", "Jobs that run.", registry=self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    async def text(self, jobs: Jobs) -> bytes:
        """All of it, as Prometheus reads it; no jobs are shown while the record is away."""
        self._queued.clear()
        try:
            census = await jobs.census()
        except StoreAway:
            census = {}
        self._running.set(census.pop("running", 0))
        for name, size in census.items():
            self._queued.labels(name.removeprefix("queued ")).set(size)
        return generate_latest(self._registry)


class Measured:
    """Measures each request. (FastAPI's own telemetry costs ten times as much of a poll.)"""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = time.perf_counter(), 500

        async def say(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, say)
        finally:
            route = getattr(scope.get("route"), "path", NOWHERE)
            method = scope["method"] if route != NOWHERE else NOWHERE  # anyone may invent methods
            self._measures.request(method, route, status, time.perf_counter() - started)
