"""Metrics for a Prometheus push gateway: programs end before anybody could ask them."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from greenlithops.telemetry.metrics import Kind, Metric
from greenlithops.telemetry.missing import needed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from greenlithops.telemetry.observations import Value

_CLASSES = {Kind.COUNTER: "Counter", Kind.HISTOGRAM: "Histogram", Kind.GAUGE: "Gauge"}


class PushGateway:
    """Keeps sums, and puts them in the place of what the gateway has of this machine.

    Args:
        section: the section ``prometheus`` of the configuration.

    Raises:
        ConfigurationError: prometheus-client is not installed.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        with needed("prometheus-client"):
            self._client = import_module("prometheus_client")
            exposition = import_module("prometheus_client.exposition")
        self._registry = self._client.CollectorRegistry()
        self._instruments: dict[str, Any] = {}
        more = {}
        if section.get("username") and section.get("password"):
            more["handler"] = partial(
                _with_password, exposition, section["username"], section["password"]
            )
        self._push = partial(
            self._client.push_to_gateway,
            section["gateway"],
            job=section["job"],
            registry=_WithoutTimes(self._registry),
            grouping_key={"instance": section["instance"]},
            timeout=section["timeout"],
            **more,
        )

    def add(self, value: Value) -> None:
        """Take one value."""
        metric = value.metric
        instrument = self._instruments.get(metric.name) or self._made(metric)
        series = instrument.labels(**value.labels)
        if metric.kind is Kind.HISTOGRAM:
            series.observe(value.number)
        elif metric.kind is Kind.COUNTER:
            series.inc(value.number)
        else:
            series.set(value.number)

    def _made(self, metric: Metric) -> Any:
        more = {"buckets": metric.buckets} if metric.buckets else {}
        made = getattr(self._client, _CLASSES[metric.kind])(
            metric.name, metric.about, metric.labels, registry=self._registry, **more
        )
        return self._instruments.setdefault(metric.name, made)

    def send(self) -> None:
        """Send all sums.

        Raises:
            OSError: the gateway does not take them.
        """
        try:
            self._push()
        except HTTPError as error:
            error.close()  # it has the connection
            raise

    def close(self) -> None:
        """Nothing is open between two pushes."""


class _WithoutTimes:
    """A registry without the times at which series began, which would double their number."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Any]:
        for family in self._registry.collect():
            family.samples = [one for one in family.samples if not one.name.endswith("_created")]
            yield family


def _with_password(exposition: Any, user: str, password: str, **request: Any) -> Any:
    return exposition.basic_auth_handler(**request, username=user, password=password)
