"""What operators watch, for Prometheus: requests by route and status, and jobs by queue. No project is named."""

from collections.abc import Iterable

from fastapi.telemetry import TelemetryConfig
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import DropAggregation, View
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from unitscale.errors import StoreAway
from unitscale.wire.jobs import Jobs

CONTENT_TYPE = CONTENT_TYPE_LATEST
UNUSED = View(instrument_name="http.server.active_requests", aggregation=DropAggregation())
"""Two measurements a request for what Prometheus would see only at the moment of its scrape."""


class Measures:
    """The instruments of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(registry=self._registry)
        provider = MeterProvider(metric_readers=[reader], views=[UNUSED], shutdown_on_exit=False)
        self.telemetry = TelemetryConfig(meter_provider=provider, tracing=False, logs=False, operation_spans=False)
        self.census: dict[str, int] = {}
        """Queued jobs by queue, and running jobs, as last counted."""
        meter = provider.get_meter("unitscale")
        meter.create_observable_gauge("unitscale.jobs.queued", [self._queued], description="Jobs that wait, by queue.")
        meter.create_observable_gauge("unitscale.jobs.running", [self._running], description="Jobs that run.")

    async def count(self, jobs: Jobs) -> None:
        """Count the jobs; none are shown while the record is away."""
        try:
            self.census = await jobs.census()
        except StoreAway:
            self.census = {}

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _queued(self, options: CallbackOptions) -> Iterable[Observation]:  # noqa: ARG002  # OpenTelemetry's signature
        prefix = "queued "
        for name, size in self.census.items():
            if name.startswith(prefix):
                yield Observation(size, {"queue": name.removeprefix(prefix)})

    def _running(self, options: CallbackOptions) -> Iterable[Observation]:  # noqa: ARG002  # as above
        if "running" in self.census:
            yield Observation(self.census["running"])
