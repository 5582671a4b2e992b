"""`greenlithops energy watch`: the machine's power, as lines, log, and metrics."""

from __future__ import annotations

import asyncio
import json as json_module
import signal
import sys
from contextlib import ExitStack, aclosing
from importlib import import_module
from typing import TYPE_CHECKING, Any

from greenlithops.energy.log import EnergyLog
from greenlithops.energy.sharing import shared_sampler
from greenlithops.energy.trace import power_samples
from greenlithops.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from greenlithops.energy.trace import PowerSample

_LEAST_INTERVAL = 0.01  #: seconds; below it, the sampling itself would be what is seen


def run(
    interval: float,
    count: int | None,
    meter: str,
    *,
    json: bool,
    output: Path | None,
    prometheus: str | None,
) -> None:
    """Print samples until there are enough of them, or a signal comes."""
    if interval < _LEAST_INTERVAL:
        raise UsageError(f"--interval must be at least {_LEAST_INTERVAL} s, not {interval:g}")
    if count is not None and count < 1:
        raise UsageError(f"--count must be at least 1, not {count}")
    log = EnergyLog(output) if output is not None else None
    with ExitStack() as stack:
        gauges = _serve(prometheus, stack) if prometheus is not None else None
        asyncio.run(_watch(interval, count, meter, json=json, log=log, gauges=gauges))


async def _watch(
    interval: float,
    count: int | None,
    meter: str,
    *,
    json: bool,
    log: EnergyLog | None,
    gauges: _Gauges | None,
) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made one
    loop = asyncio.get_running_loop()
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)  # what a pod is stopped with
    try:
        async with (
            shared_sampler(meter) as sampler,
            aclosing(power_samples(sampler, interval)) as samples,
        ):
            seen = 0
            async for sample in samples:
                seen += 1
                sys.stdout.write((_json(sample) if json else _line(sample)) + "\n")
                sys.stdout.flush()
                if log is not None:
                    await log.append_async(sample.as_record())
                if gauges is not None:
                    gauges.show(sample)
                if seen == count:
                    return
    except asyncio.CancelledError:
        if not ended:
            raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _json(sample: PowerSample) -> str:
    return json_module.dumps(sample.as_record().as_dict())


def _line(sample: PowerSample) -> str:
    idle = "" if sample.idle_watts is None else f"  idle {sample.idle_watts:8.2f} W"
    domains = "  ".join(f"{name} {watts:.2f} W" for name, watts in sample.domains.items())
    return (
        f"{sample.watts:8.2f} W{idle}  {sample.busy_cpus:6.2f} CPUs busy"
        f"  {sample.kind} ({sample.method})  {domains}"
    )


class _Gauges:
    """The machine's power as Prometheus sees it."""

    def __init__(self, library: Any, registry: Any) -> None:
        labels = ("kind", "method")
        self._watts = library.Gauge(
            "greenlithops_node_watts",
            "Power of the machine.",
            ("domain", *labels),
            registry=registry,
        )
        self._joules = library.Counter(
            "greenlithops_node_joules", "Energy of the machine.", labels, registry=registry
        )
        self._busy = library.Gauge(
            "greenlithops_node_busy_cpus", "CPUs that are busy.", registry=registry
        )

    def show(self, sample: PowerSample) -> None:
        labels = (sample.kind, sample.method)
        self._watts.labels("total", *labels).set(sample.watts)
        for domain, watts in sample.domains.items():
            self._watts.labels(domain, *labels).set(watts)
        self._joules.labels(*labels).inc(max(0.0, sample.watts * sample.seconds))
        self._busy.set(sample.busy_cpus)


def _serve(where: str, stack: ExitStack) -> _Gauges:
    """Serve metrics until the stack is left."""
    address, _, port = where.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) < 1 << 16:
        raise UsageError(f"--prometheus takes ADDRESS:PORT or PORT, not {where!r}")
    try:
        library = import_module("prometheus_client")
    except ImportError as error:
        raise ConfigurationError(
            "--prometheus needs prometheus-client: pip install 'greenlithops[metrics]'"
        ) from error
    registry = library.CollectorRegistry()
    server, thread = library.start_http_server(int(port), address or "0.0.0.0", registry)  # noqa: S104 - a scraper is on another host
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    sys.stderr.write(f"greenlithops: metrics at port {server.server_port}\n")
    return _Gauges(library, registry)
