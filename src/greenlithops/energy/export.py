"""Energy in the forms that other programs read: CSV, Prometheus, OpenTelemetry.

Each takes the records of `greenlithops.energy.log`, so that what was logged can be exported later.
"""

from __future__ import annotations

import csv
import threading
from collections import defaultdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TextIO

    from greenlithops.energy.log import LogRecord

#: The labels of every series: the function, the kind of its figures and the meter.
LABELS = ("function", "kind", "method")

_TOUCHING = 0.01  # seconds between two spans of time that are one
_SPANS = 1000  # that are remembered

_FIRST = ("time", "what", "name", "job", "index", "worker", "attempt", "ok")
_LATER = (
    "start",
    "window_s",
    "cpu_s",
    "joules",
    "joules_low",
    "joules_high",
    "kind",
    "method",
    "scope",
    "coverage",
    "idle_joules",
    "machine_joules",
    "other_joules",
    "gco2e",
    "aggregate_only",
    "calls",
    "workers",
    "reason",
)


def write_csv(records: Iterable[LogRecord], file: TextIO) -> int:
    """Write records as CSV with a header; return how many.

    Joules by domain have a column each, ``joules_package`` and so on; unknown is empty, never 0.

    Args:
        records: what to write.
        file: a text file, opened with ``newline=""``.
    """
    rows = [record.as_dict() for record in records]
    domains = sorted({domain for row in rows for domain in row.get("domains", {})})
    names = [*_FIRST, *_LATER, *(f"joules_{domain}" for domain in domains)]
    writer = csv.DictWriter(file, names, extrasaction="ignore", restval="")
    writer.writeheader()
    for row in rows:
        by_domain = row.pop("domains", {})
        row |= {f"joules_{domain}": joules for domain, joules in by_domain.items()}
        writer.writerow({name: "" if value is None else value for name, value in row.items()})
    return len(rows)


class Totals:
    """Running sums of records by function, kind and method; safe to use from any thread."""

    #: the sums, with what they mean
    SUMS: Mapping[str, str] = {
        "joules": "Joules above idle that calls were measured or estimated to use.",
        "gco2e": "Grams of CO2 equivalent of these joules.",
        "cpu_seconds": "CPU time of calls in seconds.",
        "calls": "Calls that ended.",
        "unknown": "Calls that ended and whose energy is not known.",
    }

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, ...], dict[str, float]] = defaultdict(
            lambda: dict.fromkeys(self.SUMS, 0.0)
        )
        self._machine = {"machine": 0.0, "idle": 0.0, "other": 0.0}
        self._told: list[tuple[float, float]] = []  # the times of these sums, apart and in order

    def add(self, *records: LogRecord) -> None:
        """Count records. Of jobs only what the machine did counts: their calls have their own.

        What the machine did while several jobs ran counts once.
        """
        with self._lock:
            for record in records:
                if record.what != "job":
                    self._add_call(record)
                if record.what in {"job", "sample"}:
                    new = self._new(record.start, record.end)
                    for part in self._machine:
                        self._machine[part] += new * (getattr(record, f"{part}_joules") or 0.0)

    def _new(self, start: float, end: float) -> float:
        """Return which part of a time no record has told of before, and note that one has."""
        told, apart = 0.0, []
        first, last = start, end
        for low, high in self._told:
            told += max(0.0, min(end, high) - max(start, low))
            if high + _TOUCHING < start or end + _TOUCHING < low:
                apart.append((low, high))
            else:
                first, last = min(first, low), max(last, high)
        self._told = sorted([*apart, (first, last)])[-_SPANS:]
        return max(0.0, 1 - told / (end - start)) if end > start else 0.0

    def _add_call(self, record: LogRecord) -> None:
        if record.what == "sample":
            return
        sums = self._sums[record.name, record.kind, record.method]
        sums["joules"] += record.joules or 0.0
        sums["gco2e"] += record.gco2e or 0.0
        sums["cpu_seconds"] += record.cpu_s
        sums["calls"] += record.calls or 1
        sums["unknown"] += record.joules is None

    def series(self) -> dict[tuple[str, ...], dict[str, float]]:
        """Return the sums by function, kind and method."""
        with self._lock:
            return {labels: dict(sums) for labels, sums in self._sums.items()}

    def machine(self) -> dict[str, float]:
        """Return the joules of the machine, of its idling, and of everything else on it."""
        with self._lock:
            return dict(self._machine)


class PrometheusExporter:
    """Shows sums of records to Prometheus, as counters.

    Args:
        registry: where they are registered; by default the registry of the process.

    Raises:
        ConfigurationError: prometheus-client is not installed.
    """

    def __init__(self, registry: Any = None) -> None:
        self.totals = Totals()
        try:
            self._core = import_module("prometheus_client.core")
        except ImportError as error:
            raise ConfigurationError(_missing("prometheus-client")) from error
        (registry or import_module("prometheus_client").REGISTRY).register(self)

    def add(self, *records: LogRecord) -> None:
        """Count records."""
        self.totals.add(*records)

    def collect(self) -> Iterator[Any]:
        """Give the metric families; the registry calls this."""
        counter = self._core.CounterMetricFamily
        series = self.totals.series()
        for name, text in Totals.SUMS.items():
            full = f"greenlithops_energy_{'unknown_calls' if name == 'unknown' else name}"
            family = counter(full, text, labels=LABELS)
            for labels, sums in series.items():
                family.add_metric(labels, sums[name])
            yield family
        machine = counter(
            "greenlithops_machine_joules",
            "Joules of the machine while jobs ran: all of them, those of idling, those of others.",
            labels=("part",),
        )
        for part, joules in self.totals.machine().items():
            machine.add_metric((part,), joules)
        yield machine


class OpenTelemetryExporter:
    """Shows sums of records to OpenTelemetry, as observable counters.

    What sends them, how often and to whom is set up with the OpenTelemetry SDK by the program. The
    machine's energy is ``hw.energy``, as the semantic conventions for hardware name it.

    Args:
        provider: the meter provider; by default the global one.

    Raises:
        ConfigurationError: opentelemetry-api is not installed.
    """

    def __init__(self, provider: Any = None) -> None:
        self.totals = Totals()
        try:
            metrics = import_module("opentelemetry.metrics")
        except ImportError as error:
            raise ConfigurationError(_missing("opentelemetry-api")) from error
        self._observation = metrics.Observation
        meter = (provider or metrics.get_meter_provider()).get_meter("greenlithops")
        units = {"joules": "J", "gco2e": "g", "cpu_seconds": "s"}
        for name, text in Totals.SUMS.items():
            meter.create_observable_counter(
                f"greenlithops.energy.{name}",
                callbacks=[self._observer(name)],
                unit=units.get(name, "{call}"),
                description=text,
            )
        meter.create_observable_counter(
            "hw.energy",
            callbacks=[self._observe_machine],
            unit="J",
            description="Joules of the machine while jobs ran.",
        )

    def add(self, *records: LogRecord) -> None:
        """Count records."""
        self.totals.add(*records)

    def _observer(self, name: str) -> Any:
        def observe(_options: object) -> list[Any]:
            return [
                self._observation(sums[name], dict(zip(LABELS, labels, strict=True)))
                for labels, sums in self.totals.series().items()
            ]

        return observe

    def _observe_machine(self, _options: object) -> list[Any]:
        joules = self.totals.machine()["machine"]
        return [self._observation(joules, {"hw.id": "machine", "hw.type": "host"})]


def _missing(package: str) -> str:
    return f"this exporter needs {package}: pip install 'greenlithops[metrics]'"
