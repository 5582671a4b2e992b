"""Programs that see emulated counters where the real ones would be, and nobody else does.

The mounts are made in a mount namespace of the program's own and end with it. Needs root.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_DEVICES = "/sys/bus/event_source/devices"


def seen_by(
    command: Sequence[str], *, pmu: Path | None = None, powercap: Path | None = None
) -> list[str]:
    """Return the command line under which a program sees emulated counters.

    Args:
        command: the program.
        pmu: a folder that `emulate_pmu` has written: it appears below
            ``/sys/bus/event_source/devices``, over the real ones.
        powercap: a powercap tree: it appears as ``/sys/class/powercap``.
    """
    steps = ["set -e", "scratch=/mnt", "mount -t tmpfs none $scratch"]  # ours alone, until the end
    if pmu is not None:
        steps += _over(_DEVICES, "pmu")
        steps += [f"mkdir {_DEVICES}/power", f"mount --bind {quote(str(pmu))} {_DEVICES}/power"]
    if powercap is not None:
        steps += _over("/sys/class", "class")
        steps += [
            "mkdir -p /sys/class/powercap",
            f"mount --bind {quote(str(powercap))} /sys/class/powercap",
        ]
    steps.append('exec "$@"')
    return ["unshare", "--mount", "sh", "-c", "\n".join(steps), "sh", *command]


def _over(place: str, name: str) -> list[str]:
    """Lay a writable folder over one of sysfs, which takes no new entries."""
    layers = f"lowerdir={place},upperdir=$scratch/{name}-up,workdir=$scratch/{name}-work"
    return [
        f"mkdir $scratch/{name}-up $scratch/{name}-work",
        f"mount -t overlay overlay -o {layers} {place}",
    ]
