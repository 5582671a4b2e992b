"""Metrics for an OpenTelemetry collector, sent when they are due and by nobody's own thread."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from greenlithops.telemetry.metrics import METRICS, Kind, Metric
from greenlithops.telemetry.missing import needed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.telemetry.observations import Value

_PATH = "/v1/metrics"
_GRPC = "opentelemetry-exporter-otlp-proto-grpc"


class Collector:
    """Keeps sums, and sends them by OTLP.

    Args:
        section: the section ``otlp`` of the configuration.

    Raises:
        ConfigurationError: OpenTelemetry's SDK or exporter is not installed.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        with needed("OpenTelemetry's SDK"):
            metrics = import_module("opentelemetry.sdk.metrics")
            export = import_module("opentelemetry.sdk.metrics.export")
            view = import_module("opentelemetry.sdk.metrics.view")
            resources = import_module("opentelemetry.sdk.resources")
        self._timeout_ms = 1000 * section["timeout"]
        self._exporter = _exporter(section)
        # Sums since the start of the program, whatever the environment prefers: Prometheus, behind
        # a collector, takes nothing else. This reader has no thread; what is due is asked for.
        self._reader = export.InMemoryMetricReader()
        self._failure = export.MetricExportResult.FAILURE
        name = version("greenlithops")
        self._provider = metrics.MeterProvider(
            metric_readers=[self._reader],
            resource=resources.Resource.create(
                {
                    "service.name": section["service_name"],
                    "service.namespace": "lithops",
                    "service.instance.id": section["instance"],
                    "service.version": name,
                    "host.name": section["instance"],
                }
            ),
            views=[
                view.View(
                    instrument_name=metric.name,
                    aggregation=view.ExplicitBucketHistogramAggregation(metric.buckets),
                )
                for metric in METRICS
                if metric.kind is Kind.HISTOGRAM
            ],
            shutdown_on_exit=False,
        )
        self._meter = self._provider.get_meter("greenlithops", name)
        self._instruments: dict[str, Any] = {}

    def add(self, value: Value) -> None:
        """Take one value."""
        metric = value.metric
        instrument = self._instruments.get(metric.name) or self._made(metric)
        if metric.kind is Kind.HISTOGRAM:
            instrument.record(value.number, value.labels)
        elif metric.kind is Kind.COUNTER:
            instrument.add(value.number, value.labels)
        else:
            instrument.set(value.number, value.labels)

    def _made(self, metric: Metric) -> Any:
        # Without a unit: it is in the name, and collectors would add it once more.
        make = getattr(self._meter, f"create_{metric.kind.value}")
        made = make(metric.name, description=metric.about)
        return self._instruments.setdefault(metric.name, made)

    def send(self) -> None:
        """Send all sums.

        Raises:
            OSError: the collector does not take them.
        """
        data = self._reader.get_metrics_data()
        if data is None:
            return
        result = self._exporter.export(data, timeout_millis=self._timeout_ms)
        if result is self._failure:
            raise OSError("the collector did not take the metrics")

    def close(self) -> None:
        """Let go of connections."""
        self._exporter.shutdown()
        self._provider.shutdown()


def _exporter(section: Mapping[str, Any]) -> Any:
    headers = dict(section.get("headers") or {}) or None
    options = {"headers": headers, "timeout": section["timeout"]}
    endpoint = section["endpoint"].rstrip("/")
    if section["protocol"].startswith("grpc"):
        with needed(_GRPC, _GRPC):
            grpc = import_module("opentelemetry.exporter.otlp.proto.grpc.metric_exporter")
        insecure = not endpoint.startswith("https://")
        return grpc.OTLPMetricExporter(endpoint=endpoint, insecure=insecure, **options)
    with needed("OpenTelemetry's exporter for HTTP"):
        http = import_module("opentelemetry.exporter.otlp.proto.http.metric_exporter")
    url = endpoint if endpoint.endswith(_PATH) else endpoint + _PATH
    return http.OTLPMetricExporter(endpoint=url, **options)
