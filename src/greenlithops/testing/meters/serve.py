"""The process that serves a live powercap tree: ``python -m … FOLDER MACHINE-AS-JSON``."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import sys
import threading
import time
from typing import Any

from mfusepy import FUSE, FuseOSError, Operations

from greenlithops.energy.cpu_time.sources import open_cpu_sources
from greenlithops.testing.meters.live import LiveMachine

_BASE = "/class/powercap"


class Burner:
    """What the machine has burned, in steps."""

    def __init__(self, machine: LiveMachine) -> None:
        self._machine = machine
        self._clock = open_cpu_sources().clock
        self._begin = time.monotonic()
        self._busy = self._clock.read()
        self._step = -1
        self._joules = 0.0

    def joules(self) -> float:
        """Return the joules of one package up to the last step."""
        machine, elapsed = self._machine, time.monotonic() - self._begin
        step = int(elapsed / machine.period) if machine.period else -1
        if step != self._step or not machine.period:
            self._step = step
            busy = (self._clock.read() - self._busy) * 1e-9
            dynamic = machine.watts_per_cpu * busy / machine.packages
            self._joules = machine.idle_watts * elapsed + dynamic
        return self._joules


class Tree(Operations):  # type: ignore[misc]  # the library has no types
    """The files."""

    use_ns = True

    def __init__(self, machine: LiveMachine) -> None:
        self._machine = machine
        self._burner = Burner(machine)
        self._parts: dict[str, float] = {}
        self._files: dict[str, str] = {}
        self._folders: dict[str, list[str]] = {"/": ["class"], "/class": ["powercap"], _BASE: []}
        for number in range(machine.packages):
            self._zone(f"intel-rapl:{number}", f"package-{number}", 1.0)
            for place, (name, part) in enumerate((("core", machine.core), ("dram", machine.dram))):
                if part:
                    self._zone(f"intel-rapl:{number}:{place}", name, part)

    def _zone(self, zone: str, name: str, part: float) -> None:
        folder = f"{_BASE}/{zone}"
        self._folders[_BASE].append(zone)
        self._folders[folder] = ["name", "energy_uj", "max_energy_range_uj"]
        self._files[f"{folder}/name"] = f"{name}\n"
        self._files[f"{folder}/max_energy_range_uj"] = f"{self._range}\n"
        self._parts[f"{folder}/energy_uj"] = part

    @property
    def _range(self) -> int:
        return round(self._machine.wrap_joules * 1e6)

    def getattr(self, path: str, _: Any = None) -> dict[str, Any]:
        """Return the attributes of a file, as sysfs has them."""
        if path in self._folders:
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path in self._parts:
            mode = stat.S_IFREG | self._machine.mode
            return {"st_mode": mode, "st_nlink": 1, "st_size": 4096, "st_uid": os.getuid()}
        if path in self._files:
            return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": 4096}
        raise FuseOSError(errno.ENOENT)

    def readdir(self, path: str, _: Any) -> list[str]:
        """Return the names in a folder."""
        return [".", "..", *self._folders[path]]

    def open(self, _: str, fi: Any) -> int:
        """Open a file, past the page cache: each reading is a new one."""
        fi.direct_io = 1
        return 0

    def read(self, path: str, size: int, offset: int, _: Any) -> bytes:
        """Return what a file says now."""
        part = self._parts.get(path)
        if part is None:
            text = self._files[path]
        else:
            text = f"{int(self._burner.joules() * part * 1e6) % (self._range + 1)}\n"
        return text.encode()[offset : offset + size]


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # FUSE unmounts then


def main() -> None:
    """Serve until the tree is unmounted, or the other end of the standard input is closed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    machine = LiveMachine(**json.loads(sys.argv[2]))
    options: dict[str, Any] = {"allow_other": True} if os.getuid() == 0 else {}
    FUSE(
        Tree(machine),
        sys.argv[1],
        foreground=True,
        nothreads=True,
        raw_fi=True,
        default_permissions=True,
        **options,
    )


if __name__ == "__main__":
    main()
