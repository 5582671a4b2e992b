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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MICRO = 1e-6
_PLAUSIBLE_WATTS = 1000.0  # of one zone: what the wrap of a counter is reckoned with
_PLAUSIBLE_JOULES = 1000.0  # more than what readings late by a moment may have to tell
_LATE = 1.0  # seconds that a reading may be late, though small counters wrap in less
_NOTES = 32
_CONTAINER_HINT = "in a container, mount /sys/devices/virtual/powercap too: /sys/class has links"


class Zone:
    """One counter, made to run on where it wraps.

    Attributes:
        name: what the kernel calls it: ``package-0``, ``dram``, ``core`` …
        parent: the name of the zone that it is in; empty for a top zone.
        driver: ``intel-rapl`` or ``intel-rapl-mmio``.
        joules: what it has counted since it was opened.
    """

    __slots__ = ("_fd", "_last", "_modulus", "driver", "joules", "name", "parent")

    def __init__(self, path: str, name: str, parent: str, driver: str) -> None:
        self.name = name
        self.parent = parent
        self.driver = driver
        self.joules = 0.0
        self._fd = os.open(f"{path}/energy_uj", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._last = int(os.pread(self._fd, 32, 0))
            self._modulus = _modulus(path)
        except BaseException:
            self.close()
            raise

    @property
    def label(self) -> str:
        """Its name, with its parent's when it has one."""
        return f"{self.parent}/{self.name}" if self.parent else self.name

    @property
    def wrap_seconds(self) -> float:
        """Seconds in which the counter wraps at a plausible highest power."""
        return self._modulus * _MICRO / _PLAUSIBLE_WATTS if self._modulus else float("inf")

    def advance(self, elapsed: float) -> bool:
        """Read the counter and add what it counted since the last time.

        Args:
            elapsed: seconds since then.

        Returns:
            Whether it has gone on: after a suspension, counters may begin anew, and what they
            counted before is not known.

        Raises:
            OSError: the zone is gone.
            ValueError: the counter went backwards, and where it wraps is not known.
        """
        now = int(os.pread(self._fd, 32, 0) or b"gone")
        delta = now - self._last
        if delta < 0:
            if not self._modulus:
                raise ValueError("it went backwards, and max_energy_range_uj is missing")
            delta %= self._modulus
            if delta * _MICRO > _PLAUSIBLE_WATTS * elapsed + _PLAUSIBLE_JOULES:
                self.joules += now * _MICRO
                self._last = now
                return False
        elif delta == 0 and os.fstat(self._fd).st_nlink == 0:
            # An unlinked file can be read for ever; sysfs says ENODEV, other file systems this.
            raise FileNotFoundError("its file has been removed")
        self.joules += delta * _MICRO
        self._last = now
        return True

    def close(self) -> None:
        """Close the counter's file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class PowercapMeter:
    """Adds up the zones of a machine by domain."""

    name = "powercap"
    kind = "measured"
    update_period = 0.001
    bounds = (1.0, 1.0)
    idle_watts: Mapping[str, float] | None = None

    def __init__(self, zones: Mapping[str, list[Zone]], notes: tuple[str, ...] = ()) -> None:
        self._zones = {domain: list(members) for domain, members in zones.items()}
        self._gone = dict.fromkeys(zones, 0.0)
        self.domains = tuple(zones)
        self.totals = totals(zones)
        self.notes = notes
        self._wrap = min(zone.wrap_seconds for members in zones.values() for zone in members)
        self.max_interval = self._wrap / 4
        self._read_at = time.monotonic()

    def read(self) -> Mapping[str, float]:
        """Return joules by domain since the meter was opened.

        Raises:
            OSError: no zone is left of those that add up to the machine.
        """
        now = time.monotonic()
        elapsed, self._read_at = now - self._read_at, now
        if elapsed > max(self._wrap, _LATE):
            self._note(f"not read for {elapsed:.0f} s, in which counters may have wrapped unseen")
        for domain, members in self._zones.items():
            for zone in members[:]:
                try:
                    if not zone.advance(elapsed):
                        self._note(f"{zone.label} has begun anew: some of it is not counted")
                except (OSError, ValueError) as error:
                    self._drop(domain, zone, error)
        if not any(self._zones[domain] for domain in self.totals):
            raise OSError("all RAPL counters are gone: " + "; ".join(self.notes))
        # Zones that are gone keep what they have counted, so that no sum goes backwards.
        return {
            domain: sum((zone.joules for zone in members), self._gone[domain])
            for domain, members in self._zones.items()
        }

    def _drop(self, domain: str, zone: Zone, error: Exception) -> None:
        self._zones[domain].remove(zone)
        self._gone[domain] += zone.joules
        zone.close()
        self._note(f"{zone.label} has stopped contributing: {error}")

    def _note(self, text: str) -> None:
        if len(self.notes) < _NOTES:
            self.notes += (text,)

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


def _modulus(path: str) -> int:
    """Return how many values the counter has, or 0 when the kernel does not say."""
    try:
        with open(f"{path}/max_energy_range_uj") as file:  # noqa: PTH123 - as above
            return int(file.read()) + 1
    except (OSError, ValueError):
        return 0


def _close_all(zones: list[Zone] | Iterator[Zone]) -> None:
    for zone in zones:
        zone.close()
