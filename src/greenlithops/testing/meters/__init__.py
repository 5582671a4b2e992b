"""Energy counters whose truth is known, for tests of whatever reads RAPL.

    trees.py      powercap trees as files, of any layout; counters that are moved by hand
    live.py       a powercap tree (FUSE) whose energy follows the real CPU time of the machine
    pmu.py        the files of a RAPL PMU, whose counts are the kernel's own software events
    namespace.py  programs that see these in the places of the real ones

What they verify is arithmetic and plumbing. They cannot verify physics: how well real counters tell
what the hardware burns.
"""

from __future__ import annotations

from greenlithops.testing.meters.live import LiveMachine, LivePowercap
from greenlithops.testing.meters.namespace import seen_by
from greenlithops.testing.meters.pmu import emulate_pmu
from greenlithops.testing.meters.trees import PowercapTree

__all__ = ["LiveMachine", "LivePowercap", "PowercapTree", "emulate_pmu", "seen_by"]
