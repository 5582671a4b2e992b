"""One exporter for each destination in a process: it takes values, and sends sums now and then."""

from __future__ import annotations

import json
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Protocol

from greenlithops.telemetry.observations import Place, Submitted, of_event, of_job
from greenlithops.telemetry.otlp import Collector
from greenlithops.telemetry.prometheus import PushGateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from greenlithops.models import Event
    from greenlithops.telemetry.observations import Value

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Where values go: one of the kinds of telemetry."""

    def add(self, value: Value) -> None:
        """Take one value."""
        ...

    def send(self) -> None:
        """Send all sums; raise what goes wrong."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


SINKS: Mapping[str, Callable[[Mapping[str, Any]], Sink]] = {
    "prometheus": PushGateway,
    "otlp": Collector,
}


class Exporter:
    """Adds values up, and sends them at most once in an interval, while there are new ones.

    A destination that takes nothing is told in the log, once until it takes something again: no
    job fails for its metrics.

    Args:
        sink: where they go.
        interval: seconds from a new value to its being sent.
    """

    def __init__(self, sink: Sink, interval: float) -> None:
        self._sink = sink
        self._interval = interval
        self._state = threading.Lock()
        self._sending = threading.Lock()
        self._timer: threading.Timer | None = None
        self._failed = False
        self._pid = os.getpid()

    def add(self, values: Iterable[Value]) -> None:
        """Take values, in any thread."""
        with self._state:
            for value in values:
                self._sink.add(value)
            if self._timer is None:
                self._timer = threading.Timer(self._interval, self._send)
                self._timer.daemon = True
                self._timer.name = "greenlithops-telemetry"
                self._timer.start()

    def flush(self) -> None:
        """Send what has not been sent yet, and return when that is done."""
        if self._pid != os.getpid():
            return  # a forked child: what is in the sums is its parent's
        with self._state:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self._send()
            timer.join()

    def _send(self) -> None:
        with self._sending:
            with self._state:
                self._timer = None
            try:
                self._sink.send()
            except Exception as error:  # noqa: BLE001 - whatever the client's library raises
                if not self._failed:
                    logger.warning("telemetry could not be sent: %s", error)
                self._failed = True
            else:
                self._failed = False

    def close(self) -> None:
        """Send the rest, and let go of what is open."""
        self.flush()
        self._sink.close()


class Telemetry:
    """What an executor tells an exporter.

    Args:
        exporter: what adds it up.
        backend: the backend's name.
    """

    def __init__(self, exporter: Exporter, backend: str) -> None:
        self._exporter = exporter
        self._backend = backend

    def job_submitted(self, job: Submitted, memory: int | None) -> None:
        """Take note of a job."""
        self._exporter.add(of_job(job, Place(self._backend, memory)))

    def hook(self, memory: int | None) -> Callable[[Event], None]:
        """Return what the events of calls with so much memory are told to."""
        place = Place(self._backend, memory)

        def tell(event: Event) -> None:
            if values := list(of_event(event, place)):
                self._exporter.add(values)

        return tell

    def flush(self) -> None:
        """Send what has not been sent yet."""
        self._exporter.flush()


_exporters: dict[str, Exporter] = {}
_lock = threading.Lock()


def exporter_to(kind: str, section: Mapping[str, Any], interval: float) -> Exporter:
    """Return the exporter of this process to a destination; its sums are the process's.

    Args:
        kind: ``"prometheus"`` or ``"otlp"``.
        section: its section of the configuration, filled in.
        interval: seconds from a new value to its being sent; the first one said counts.

    Raises:
        ConfigurationError: what it needs is not installed.
    """
    key = json.dumps([os.getpid(), kind, section], sort_keys=True, default=str)
    with _lock:
        found = _exporters.get(key)
        if found is None:
            found = _exporters[key] = Exporter(SINKS[kind](section), interval)
        return found


def close_all() -> None:
    """Send what is left, and forget the exporters."""
    with _lock:
        exporters = list(_exporters.values())
        _exporters.clear()
    for exporter in exporters:
        exporter.close()
