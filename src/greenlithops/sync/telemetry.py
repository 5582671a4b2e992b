"""What an executor of this face tells Prometheus or OpenTelemetry, if its configuration says so."""

from __future__ import annotations

import atexit
from functools import cache
from typing import TYPE_CHECKING

from greenlithops.config.telemetry import telemetry_settings
from greenlithops.sync.loop import background
from greenlithops.sync.place import in_worker

if TYPE_CHECKING:
    from greenlithops.config.settings import Settings
    from greenlithops.sync.record import JobRecord
    from greenlithops.telemetry.exporter import Telemetry


def telemetry_of(settings: Settings) -> Telemetry | None:
    """Return what takes the metrics of an executor, or None: also in workers.

    A worker has its client's configuration; who tells of its calls is the client.

    Raises:
        ConfigurationError: what the kind of telemetry needs is not installed.
    """
    chosen = telemetry_settings(settings.config)
    if chosen is None or in_worker():
        return None
    from greenlithops.telemetry.exporter import Telemetry, exporter_to  # noqa: PLC0415 - if on

    _at_exit()
    exporter = exporter_to(chosen.kind, chosen.section, chosen.interval)
    return Telemetry(exporter, settings.backend)


def tell_of_job(telemetry: Telemetry, job: JobRecord) -> None:
    """Tell of a job that was submitted."""
    from greenlithops.telemetry.observations import Submitted  # noqa: PLC0415 - if it is on

    submitted = Submitted(
        job.function_name,
        len(job.calls),
        job.creation_seconds,
        job.serialize_seconds,
        job.function_bytes,
    )
    telemetry.job_submitted(submitted, job.runtime_memory)


@cache
def _at_exit() -> None:
    atexit.register(_end)


def _end() -> None:
    """Hear of the last calls, then send what is left."""
    from greenlithops.telemetry.exporter import close_all  # noqa: PLC0415 - it was imported before

    background().close()
    close_all()
