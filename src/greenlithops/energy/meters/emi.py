"""Windows: the Energy Meter Interface, through which its drivers show RAPL and other counters.

Written after Microsoft's documentation of ``emi.h`` and NOT tested on Windows: the calls to the
system are tested on libraries of ours with the names and parameters of Windows' own.

A device of version 1 counts one thing; one of version 2 has channels, which for processors are
called ``RAPL_Package0_PKG``, ``_PP0`` (cores), ``_PP1`` (graphics) and ``_DRAM``; AMD's have
``RAPL_Package0_Core0_CORE`` and so on, one for each core. Energy is counted in picowatt-hours, that
is 3.6 nanojoules, in 64 bits.
"""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.domains import counted, totals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.energy.meters.emi_device import Device

#: joules of one picowatt-hour
PICOWATT_HOUR = 3.6e-9
_DEVICES = "{45BD8344-7ED6-49cf-A440-C276C933B053}"  # GUID_DEVICE_ENERGY_METER
_VERSION, _METADATA_SIZE, _METADATA, _MEASUREMENT = 0x224000, 0x224004, 0x224008, 0x22400C
_OEM_BYTES = 2 * 16 * 2  # maker and model, 16 UTF-16 units each
_MEASURED = struct.Struct("<QQ")  # energy, and the time in units of 100 ns
_SUFFIXES = {
    "PKG": "package",
    "PP0": "core",
    "CORE": "core",
    "PP1": "uncore",
    "DRAM": "dram",
    "PSYS": "psys",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """One counter of a device.

    Attributes:
        name: in the words of its driver.
        unit: 0 for picowatt-hours, the only one that there is.
    """

    name: str
    unit: int

    @property
    def domain(self) -> str | None:
        """What it counts, or None if that is not known."""
        return _SUFFIXES.get(self.name.rpartition("_")[2].upper())


def channels(version: int, metadata: bytes) -> tuple[Channel, ...]:
    """Return the counters that a device's metadata describe.

    Raises:
        ValueError: the version is unknown, or the metadata end early.
    """
    try:
        if version == 1:
            (unit,) = struct.unpack_from("<I", metadata)
            _, size = struct.unpack_from("<HH", metadata, 4 + _OEM_BYTES)
            return (Channel(_name(metadata, 8 + _OEM_BYTES, size), unit),)
        if version == 2:  # noqa: PLR2004 - the other version that there is
            _, count = struct.unpack_from("<HH", metadata, _OEM_BYTES)
            place, found = _OEM_BYTES + 4, []
            for _ in range(count):
                unit, size = struct.unpack_from("<IH", metadata, place)
                found.append(Channel(_name(metadata, place + 6, size), unit))
                place += 6 + size  # without padding, though the next may lie at an odd place
            return tuple(found)
    except struct.error as error:
        raise ValueError(f"the metadata end early: {error}") from error
    raise ValueError(f"version {version} of the interface is not known")


def _name(metadata: bytes, start: int, size: int) -> str:
    if len(metadata) < start + size:
        raise ValueError("the metadata end early, in a name")
    return metadata[start : start + size].decode("utf-16-le").rstrip("\0")


def measured(data: bytes, count: int) -> tuple[int, ...]:
    """Return the energies, in picowatt-hours, of a device's counters."""
    return tuple(_MEASURED.unpack_from(data, place * _MEASURED.size)[0] for place in range(count))


class EmiMeter:
    """Adds up the counters of all devices.

    Args:
        devices: open devices, each with its counters.
    """

    name = "emi"
    kind = "measured"
    update_period = 0.001
    max_interval = float("inf")
    bounds = (1.0, 1.0)
    idle_watts: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ("the Windows meter has not been tested on hardware",)

    def __init__(self, devices: list[tuple[Any, tuple[Channel, ...]]]) -> None:
        self._devices = devices
        found = [one.domain for _, parts in devices for one in parts if one.domain is not None]
        self.domains = counted(found)
        self.totals = totals(self.domains)
        self._first = self._raw()

    def _raw(self) -> dict[str, int]:
        sums = dict.fromkeys(self.domains, 0)
        for device, parts in self._devices:
            data = device.ask(_MEASUREMENT, _MEASURED.size * len(parts))
            for part, energy in zip(parts, measured(data, len(parts)), strict=True):
                if part.domain in sums:
                    sums[part.domain] += energy
        return sums

    def read(self) -> Mapping[str, float]:
        """Return joules by domain since the meter was opened.

        Raises:
            OSError: a device does not answer any more.
        """
        now = self._raw()
        return {d: (now[d] - self._first[d]) * PICOWATT_HOUR for d in self.domains}

    def close(self) -> None:
        """Close the devices."""
        for device, _ in self._devices:
            device.close()


def open_meter() -> EmiMeter:
    """Open the energy meters that Windows shows.

    Raises:
        MeterRefused: this is not Windows, or there are none that count the processor.
    """
    if platform.system() != "Windows":
        raise MeterRefused("the Energy Meter Interface is Windows' own")
    from greenlithops.energy.meters.emi_device import Device, paths  # noqa: PLC0415 - Windows only

    devices: list[tuple[Any, tuple[Channel, ...]]] = []
    reasons: list[str] = []
    for path in paths(_DEVICES):
        try:
            device = Device(path)
        except OSError as error:
            reasons.append(f"{path}: {error}")
            continue
        try:
            devices.append((device, _described(device)))
        except (OSError, ValueError, struct.error) as error:
            device.close()
            reasons.append(f"{path}: {error}")
    try:
        meter = EmiMeter(devices)
    except (OSError, struct.error) as error:
        for device, _ in devices:
            device.close()
        raise MeterRefused(f"an energy meter does not answer: {error}") from error
    if not meter.domains:
        meter.close()
        raise MeterRefused("; ".join(reasons) or "no energy meter counts the processor")
    return meter


def _described(device: Device) -> tuple[Channel, ...]:
    """Ask a device for its counters."""
    (version,) = struct.unpack_from("<H", device.ask(_VERSION, 2))
    (size,) = struct.unpack_from("<I", device.ask(_METADATA_SIZE, 4))
    return channels(version, device.ask(_METADATA, size))
