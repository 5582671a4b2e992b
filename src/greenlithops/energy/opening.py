"""What a sampler opens beside its meter: the idle watts that are kept, and the node's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenlithops.energy.kept import KeptIdle
    from greenlithops.energy.meters import Selection
    from greenlithops.energy.meters.node import Publisher


def find_idle(selection: Selection) -> KeptIdle | None:
    """Return the machine's idle watts if they are kept; only counters do not know their own."""
    if selection.meter is None or selection.meter.kind != "measured":
        return None
    from greenlithops.energy.kept import kept_idle  # noqa: PLC0415 - where there are counters

    return kept_idle(selection.meter)[0]


def open_publisher(selection: Selection, idle: float | KeptIdle | None) -> Publisher | None:
    """Return who tells a meter's samples to the node; estimates and hearsay are not told."""
    meter = selection.meter
    if meter is None or meter.kind != "measured" or meter.name.startswith("node:"):
        return None
    from greenlithops.energy.meters.node import Publisher  # noqa: PLC0415 - POSIX only

    watts = None if idle is None or isinstance(idle, float | int) else idle.watts
    try:
        return Publisher(meter, idle_watts=watts)
    except OSError:  # no folder that can be trusted: nobody else learns of it
        return None
