"""RAPL, the processors' own energy counters, as the kernel shows them under powercap.

A zone is a folder with a ``name``, a counter ``energy_uj`` in microjoules, and the value at which
the counter starts again, ``max_energy_range_uj``. ``package-N`` is all of one socket (of one die,
where it is called ``package-N-die-M``); ``core`` and ``uncore`` are inside it; ``dram`` is not
(Intel SDM vol. 3B, 15.10); ``psys``, where it exists, covers package, memory and more, so it counts
only where there is no package. On machines where the same counters are also reachable by MMIO,
the kernel shows them twice. AMD processors show the same tree since Linux 5.8.

The counters step about once a millisecond (Khan et al. 2018, "RAPL in Action"), and since Linux
5.10 only root may read them (CVE-2020-8694, CVE-2020-12912).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from greenlithops.energy.meters import MeterRefused, sysfs
from greenlithops.energy.meters.domains import ORDER, counted, totals
from greenlithops.energy.meters.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OFTEN = 0.01  # seconds: reading more often would cost the program that is measured
_NOTES = 32
_CONTAINER_HINT = "in a container, mount /sys/devices/virtual/powercap too: /sys/class has links"


class PowercapMeter:
    """Adds up the zones of a machine by domain."""

    name = "powercap"
    kind = "measured"
    update_period = 0.001
    idle_watts: Mapping[str, float] | None = None

    def __init__(self, zones: Mapping[str, list[Zone]], notes: tuple[str, ...] = ()) -> None:
        self._zones = {domain: list(members) for domain, members in zones.items()}
        self._gone = dict.fromkeys(zones, 0.0)
        self.domains = tuple(zones)
        self.totals = totals(zones)
        self._notes = notes
        self._soonest = min(
            (zone for members in zones.values() for zone in members),
            key=lambda zone: zone.wrap_seconds,
        )
        self.max_interval = max(self._soonest.wrap_seconds / 4, _OFTEN)
        self._read_at = time.monotonic()
        self._gap = 0.0  # the longest time without a reading in which a counter may have wrapped

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of its figures must know."""
        if not self._gap:
            return self._notes
        zone = self._soonest
        return (
            *self._notes,
            (
                f"not read for {self._gap:.2g} s: if {zone.label} burned more than "
                f"{zone.range_joules / self._gap:.3g} W meanwhile, its counter, which wraps at "
                f"{zone.range_joules:.3g} J, has lost some of it"
            ),
        )

    @property
    def bounds(self) -> tuple[float, float]:
        """What the true joules are at least and at most, as factors."""
        return 1.0, float("inf") if self._gap else 1.0

    def read(self) -> Mapping[str, float]:
        """Return joules by domain since the meter was opened.

        Raises:
            OSError: no zone is left of those that add up to the machine.
        """
        now = time.monotonic()
        elapsed, self._read_at = now - self._read_at, now
        if elapsed > self._soonest.wrap_seconds:
            self._gap = max(self._gap, elapsed)
        joules = {}
        for domain, members in self._zones.items():
            for zone in members[:]:
                try:
                    if not zone.advance(elapsed):
                        self._note(f"{zone.label} has begun anew: some of it is not counted")
                except (OSError, ValueError) as error:
                    self._drop(domain, zone, error)
            # Zones that are gone keep what they have counted, so that no sum goes backwards.
            joules[domain] = sum([zone.joules for zone in members], self._gone[domain])
        if not any(self._zones[domain] for domain in self.totals):
            raise OSError("all RAPL counters are gone: " + "; ".join(self._notes))
        return joules

    def _drop(self, domain: str, zone: Zone, error: Exception) -> None:
        self._zones[domain].remove(zone)
        self._gone[domain] += zone.joules
        zone.close()
        self._note(f"{zone.label} has stopped contributing: {error}")

    def _note(self, text: str) -> None:
        if len(self._notes) < _NOTES:
            self._notes += (text,)

    def close(self) -> None:
        """Close the counters' files."""
        for members in self._zones.values():
            for zone in members:
                zone.close()


def open_meter(root: str | None = None) -> PowercapMeter:
    """Open the counters of this machine.

    Args:
        root: where the kernel's powercap tree is; by default below `sysfs`.

    Raises:
        MeterRefused: there are no counters, or they may not be read.
    """
    root = root or f"{sysfs()}/class/powercap"
    zones, notes, denied = _open_zones(root)
    refusal = _refusal(root, zones, denied)
    if refusal:
        _close_all(zones)
        raise MeterRefused(refusal)
    native = {(zone.parent, zone.name) for zone in zones if not zone.driver.endswith("-mmio")}
    domains: dict[str, list[Zone]] = {}
    for zone in zones:
        twin = zone.driver.endswith("-mmio") and (zone.parent, zone.name) in native
        domain = _domain(zone.name)
        if domain is None or twin:
            zone.close()
        else:
            domains.setdefault(domain, []).append(zone)
    wanted = counted(domains)
    for domain, members in domains.items():
        if domain not in wanted:
            _close_all(members)
    notes += [f"{label} cannot be read" for label in denied]
    return PowercapMeter({domain: domains[domain] for domain in wanted}, tuple(notes))


def _refusal(root: str, zones: list[Zone], denied: list[str]) -> str | None:
    """Say why these zones are no meter, or return None when they are."""
    # A package without its neighbour would pass for the whole machine: all of them, or none.
    if any(label.startswith("package") and "/" not in label for label in denied) or (
        denied and not zones
    ):
        return (
            f"the counter of {denied[0]} may be read by root only (so since Linux 5.10); allow it "
            f"with `sudo chmod a+r {root}/*/energy_uj`, or run with CAP_DAC_READ_SEARCH"
        )
    if any(_domain(zone.name) in ("package", "psys") for zone in zones):
        return None
    if not os.path.isdir(root):  # noqa: PTH112 - pathlib is not imported for one question
        return f"there is no {root}: not Linux, a virtual machine, or intel_rapl_msr is not loaded"
    if any(entry.is_symlink() and not entry.is_dir() for entry in list(os.scandir(root))):
        return f"the links in {root} lead nowhere; {_CONTAINER_HINT}"
    return f"{root} has no package or psys zone: a virtual machine, or no RAPL driver is loaded"


def _open_zones(root: str) -> tuple[list[Zone], list[str], list[str]]:
    """Return the zones that can be read, notes on those left out, and labels of those denied."""
    zones: list[Zone] = []
    notes: list[str] = []
    denied: list[str] = []
    names: dict[str, str] = {}
    for path in sorted(set(_zone_paths(root))):
        base = os.path.basename(path)  # noqa: PTH119 - as above
        try:
            with open(f"{path}/name") as file:  # noqa: PTH123 - as above
                name = names[base] = file.read().strip()
        except OSError:
            notes.append(f"{base} has no name, so what it counts is not known")
            continue
        parent = names.get(base.rpartition(":")[0], "")
        label = f"{parent}/{name}" if parent else name
        try:
            zones.append(Zone(path, name, parent, base.partition(":")[0]))
        except PermissionError:
            denied.append(label)
        except (OSError, ValueError):
            notes.append(f"{label} cannot be read")
    return zones, notes, denied


def _zone_paths(root: str, depth: int = 3) -> Iterator[str]:
    """Yield the real paths of all zones; each may be found by its link and inside its parent."""
    try:
        entries = list(os.scandir(root))
    except OSError:
        return
    for entry in entries:
        if not entry.name.startswith("intel-rapl") or not entry.is_dir():
            continue
        path = os.path.realpath(entry.path)
        if ":" in entry.name:
            yield path
        if depth:
            yield from _zone_paths(path, depth - 1)


def _domain(name: str) -> str | None:
    """Return what a zone of this name counts: ``package-0-die-1`` is a package too."""
    if name.startswith("package-"):
        return "package"
    return name if name in ORDER else None


def _close_all(zones: list[Zone] | Iterator[Zone]) -> None:
    for zone in zones:
        zone.close()
