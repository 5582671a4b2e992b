"""The sysfs files of a RAPL PMU whose events are really the kernel's software clock.

``cpu-clock`` counts nanoseconds, so with a scale of ``W * 1e-9`` it looks like W watts. Whoever
reads the files and opens the events goes through the real system call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SOFTWARE, _CPU_CLOCK = 1, 0


def emulate_pmu(
    sysfs: Path, watts: Mapping[str, float], *, cpus: str = "0", unit: str = "Joules"
) -> Path:
    """Write the files, and return the folder of the PMU.

    Args:
        sysfs: a folder that stands for ``/sys``.
        watts: by event: ``energy-pkg``, ``energy-cores``, ``energy-ram``, ``energy-psys`` …
        cpus: one CPU of each socket, as a list such as ``0,16``.
        unit: what the events say that they count.
    """
    folder = sysfs / "bus" / "event_source" / "devices" / "power"
    events = folder / "events"
    events.mkdir(parents=True)
    (folder / "format").mkdir()
    (folder / "format" / "event").write_text("config:0-7\n")
    (folder / "type").write_text(f"{_SOFTWARE}\n")
    (folder / "cpumask").write_text(f"{cpus}\n")
    for name, power in watts.items():
        (events / name).write_text(f"event={_CPU_CLOCK:#04x}\n")
        (events / f"{name}.scale").write_text(f"{power * 1e-9:.12e}\n")
        (events / f"{name}.unit").write_text(f"{unit}\n")
    return folder
