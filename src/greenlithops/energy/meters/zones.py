"""One counter of powercap's tree, made to run on where it wraps."""

from __future__ import annotations

import os

_MICRO = 1e-6
_PLAUSIBLE_WATTS = 1000.0  # of one zone that does not tell its limits
_PLAUSIBLE_JOULES = 1000.0  # more than what readings late by a moment may have to tell
_PEAK = 2.0  # how far a zone may be above the limit of its power for as long as matters here


class Zone:
    """One counter, made to run on where it wraps.

    Attributes:
        name: what the kernel calls it: ``package-0``, ``dram``, ``core`` …
        parent: the name of the zone that it is in; empty for a top zone.
        driver: ``intel-rapl`` or ``intel-rapl-mmio``.
        joules: what it has counted since it was opened.
        range_joules: where its counter wraps; infinite if the kernel does not say.
        wrap_seconds: in what time it wraps at the highest power that is plausible.
    """

    __slots__ = (
        "_fd", "_last", "_modulus", "_watts", "driver", "joules", "name", "parent",
        "range_joules", "wrap_seconds",
    )  # fmt: skip

    def __init__(self, path: str, name: str, parent: str, driver: str) -> None:
        self.name = name
        self.parent = parent
        self.driver = driver
        self.joules = 0.0
        self._fd = os.open(f"{path}/energy_uj", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._last = int(os.pread(self._fd, 32, 0))
            self._modulus = _modulus(path)
            self._watts = _plausible_watts(path)
        except BaseException:
            self.close()
            raise
        self.range_joules = self._modulus * _MICRO if self._modulus else float("inf")
        self.wrap_seconds = self.range_joules / self._watts

    @property
    def label(self) -> str:
        """Its name, with its parent's when it has one."""
        return f"{self.parent}/{self.name}" if self.parent else self.name

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
            if delta * _MICRO > self._watts * elapsed + _PLAUSIBLE_JOULES:
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


def _modulus(path: str) -> int:
    """Return how many values the counter has, or 0 when the kernel does not say."""
    try:
        with open(f"{path}/max_energy_range_uj") as file:  # noqa: PTH123 - as above
            return int(file.read()) + 1
    except (OSError, ValueError):
        return 0


def _plausible_watts(path: str) -> float:
    """Return what a zone may burn at most: its limits tell, if they mean anything."""
    limits = [0.0]
    for entry in list(os.scandir(path)):
        if not (entry.name.startswith("constraint_") and entry.name.endswith("_uw")):
            continue
        try:
            with open(entry.path) as file:  # noqa: PTH123 - as above
                limits.append(int(file.read()) * _MICRO)
        except (OSError, ValueError):
            continue  # drivers show files of limits that the hardware does not have
    return min(_PEAK * max(limits), _PLAUSIBLE_WATTS) or _PLAUSIBLE_WATTS
