"""What a sampler opens beside its meter: the idle watts that are kept, and the node's page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from greenlithops.energy.meters import sysfs

if TYPE_CHECKING:
    from greenlithops.energy.kept import KeptIdle
    from greenlithops.energy.meters import Selection
    from greenlithops.energy.meters.node import Publisher


#: Below sysfs: what these meters read.
_PLACES = {"powercap": "class/powercap", "perf": "bus/event_source/devices/power"}


def _laid_over(name: str) -> bool:
    """Return whether counters are not sysfs' own but mounted there, for who sees the mount."""
    place = _PLACES.get(name)
    try:
        return place is not None and _device(f"{sysfs()}/{place}") != _device(sysfs())
    except OSError:
        return False


def _device(path: str) -> int:
    return os.stat(path).st_dev  # noqa: PTH116 - no pathlib for one question


#: Environment variable that names the file of idle watts, or is ``off`` to use none.
IDLE_VARIABLE = "GREENLITHOPS_IDLE"


def idle_folders() -> tuple[str, str]:
    """Return where idle watts are kept: by this user, and by root for all users of the machine."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 - no pathlib for one question
    return f"{state}/greenlithops", "/var/lib/greenlithops"


def find_idle(selection: Selection) -> KeptIdle | None:
    """Return the machine's idle watts if they are kept; only counters do not know their own."""
    if selection.meter is None or selection.meter.kind != "measured":
        return None
    if not os.environ.get(IDLE_VARIABLE) and not any(map(os.path.isdir, idle_folders())):
        return None  # by far the most frequent, and what follows takes half the time of a start
    from greenlithops.energy.kept import kept_idle  # noqa: PLC0415 - where there are counters

    return kept_idle(selection.meter)[0]


def open_publisher(selection: Selection, idle: float | KeptIdle | None) -> Publisher | None:
    """Return who tells a meter's samples to the node; estimates and hearsay are not told."""
    meter = selection.meter
    if meter is None or meter.kind != "measured" or meter.name.startswith("node:"):
        return None
    from greenlithops.energy.meters.node import VARIABLE, Publisher  # noqa: PLC0415 - POSIX only

    if not os.environ.get(VARIABLE) and _laid_over(meter.name):
        return None

    watts = None if idle is None or isinstance(idle, float | int) else idle.watts
    try:
        return Publisher(meter, idle_watts=watts)
    except OSError:  # no folder that can be trusted: nobody else learns of it
        return None
