"""An external meter that exports to Prometheus: Kepler, Scaphandre, PowerAPI, node_exporter.

The exporter's own page is read (``GREENLITHOPS_PROMETHEUS``, say ``http://localhost:28282/metrics``)
of the node on which calls run: no Prometheus server is needed. Known are:

=================  =========================================================================
Kepler 0.10 on     ``kepler_node_cpu_joules_total{zone="package"}``: joules, sockets together
Kepler to 0.9      ``kepler_node_package_joules_total``, ``_dram_``, ``_core_``, ``_uncore_``
Scaphandre         ``scaph_host_energy_microjoules``: psys, else packages and memory together
node_exporter      ``node_rapl_package_joules_total``, ``_dram_``, ``_core_``, ``_uncore_``
PowerAPI           ``power_consumption{target="rapl"}`` (or ``global``): watts, added up here
=================  =========================================================================
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.polled import PolledMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLE = "GREENLITHOPS_PROMETHEUS"
_TIMEOUT = 2.0
_LIMIT = 16 << 20  # bytes of a page
_MICRO = 1e-6
_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_BY_NAME = re.compile(r"^(?:kepler_node|node_rapl)_(package|dram|core|uncore)_joules_total$")
_ZONES = {"package", "dram", "core", "uncore", "psys"}
_POWERAPI_MACHINE = ("rapl", "global", "all")


def samples(page: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Give the samples of a page in Prometheus' text format: name, labels, value."""
    for line in page.splitlines():
        if line.startswith("#") or not (match := _LINE.match(line)):
            continue
        name, labels, value = match.groups()
        try:
            yield name, dict(_LABEL.findall(labels or "")), float(value)
        except ValueError:
            continue


def joules(page: str) -> dict[str, float]:
    """Return the machine's cumulative joules by domain that a page tells; empty if none."""
    found: dict[str, float] = {}
    seen: set[tuple[str, str]] = set()
    for name, labels, value in samples(page):
        domain, amount = _domain(name, labels), value
        if name.startswith("scaph_"):
            amount *= _MICRO
        # A page may show the same counter by two families: only one of them counts.
        if domain is None or any(domain == d and name != n for n, d in seen):
            continue
        # Older Keplers tell idle and dynamic energy of a zone apart: they add up.
        seen.add((name, domain))
        found[domain] = found.get(domain, 0.0) + amount
    return found


def _domain(name: str, labels: Mapping[str, str]) -> str | None:
    if name == "kepler_node_cpu_joules_total":
        zone = labels.get("zone", "package").partition("-")[0]
        return zone if zone in _ZONES else None
    if match := _BY_NAME.match(name):
        return match.group(1)
    if name in ("scaph_host_energy_microjoules", "scaph_host_energy_microjoules_total"):
        return "psys"
    return None


def watts(page: str) -> float | None:
    """Return the machine's power that a page of PowerAPI tells, or None."""
    by_target: dict[str, float] = {}
    for name, labels, value in samples(page):
        if name.endswith("power_consumption") and "target" in labels:
            target = labels["target"]
            by_target[target] = by_target.get(target, 0.0) + value
    return next((by_target[name] for name in _POWERAPI_MACHINE if name in by_target), None)


class Page:
    """The page of an exporter.

    Args:
        url: where it is.
    """

    name = "prometheus"

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise MeterRefused(f"{VARIABLE} must be an http or https address, not {url!r}")
        self._url = url
        self._summed = 0.0
        self._last: tuple[float, float] | None = None  # moment and watts

    def ask(self) -> Mapping[str, float] | None:
        """Read the page.

        Raises:
            OSError: it cannot be read.
            ValueError: it tells no joules of the machine.
        """
        import urllib.request  # noqa: PLC0415 - slow to import, and only in the asking thread

        try:
            with urllib.request.urlopen(self._url, timeout=_TIMEOUT) as answer:  # noqa: S310 - checked
                page = answer.read(_LIMIT).decode("utf-8", "replace")
        except OSError as error:
            reason = str(error).removeprefix("<urlopen error ").removesuffix(">")
            raise OSError(f"{self._url} ({VARIABLE}) cannot be read: {reason}") from error
        if found := joules(page):
            return found
        power = watts(page)
        if power is None:
            raise ValueError(f"{self._url} tells no energy of the machine")
        return {"package": self._add(power)}

    def _add(self, power: float) -> float:
        now = time.monotonic()
        if self._last is not None:
            self._summed += (power + self._last[1]) / 2 * (now - self._last[0])
        self._last = (now, power)
        return self._summed

    def close(self) -> None:
        """Nothing is held between two questions."""


def open_meter(url: str | None = None, period: float = 1.0) -> PolledMeter:
    """Read an exporter's page.

    Args:
        url: where it is; by default what ``GREENLITHOPS_PROMETHEUS`` says.
        period: seconds between two readings.

    Raises:
        MeterRefused: no address is known, or what is there tells no energy.
    """
    url = url or os.environ.get(VARIABLE)
    if not url:
        raise MeterRefused(f"{VARIABLE} does not say where an exporter's page is")
    return PolledMeter(Page(url), period=period)
