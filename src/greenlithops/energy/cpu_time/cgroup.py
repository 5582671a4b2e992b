"""CPU time of trees of processes by control groups: one below our own for each worker.

A group counts all that was ever in it, whatever became of it. In version 2 every group counts, with
or without controllers; in version 1 the ``cpuacct`` controller does. A group may be made by root,
and by a user to whom the parent was delegated (``systemd-run --user -p Delegate=yes``, containers
with a writable ``/sys/fs/cgroup``).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time

_MICRO = 1000
_numbers = itertools.count(1)
_SETTLE_SECONDS = 0.2  # for tasks to end that are being killed


class CgroupTree:
    """One group."""

    def __init__(
        self, folder: str, usage: str, pid: int, seed_ns: int, leftovers: list[str]
    ) -> None:
        self._folder = folder
        self._leftovers = leftovers
        os.mkdir(folder, 0o755)  # noqa: PTH102 - no pathlib for a handful of paths
        try:
            self._usage = os.open(f"{folder}/{usage}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.rmdir(folder)  # noqa: PTH106 - as above
            raise
        self._seed = seed_ns
        self._last = 0
        try:
            _write(f"{folder}/cgroup.procs", str(pid))
        except OSError:
            self.close()
            raise

    def read(self, own_ns: int | None = None) -> int:
        """Return CPU nanoseconds of all that were ever in the group."""
        text = os.pread(self._usage, 256, 0)
        micro = text.startswith(b"usage_usec")
        used = int(text.split(None, 2)[1]) * _MICRO if micro else int(text)
        self._last = max(self._last, self._seed + used, own_ns or 0)
        return self._last

    def close(self) -> None:
        """Let who is left in the group go back to the parent's, and remove it."""
        os.close(self._usage)
        parent = os.path.dirname(self._folder)  # noqa: PTH120 - as above
        with contextlib.suppress(OSError):  # it ends just now
            for pid in _read(f"{self._folder}/cgroup.procs").split():
                _write(f"{parent}/cgroup.procs", pid)
        if not _removed(self._folder):
            self._leftovers.append(self._folder)


def _removed(folder: str) -> bool:
    """Remove a group; return False while a task that is ending is still in it."""
    try:
        os.rmdir(folder)  # noqa: PTH106 - as above
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


class CgroupTrees:
    """Makes a group for each process that it adopts.

    Raises:
        OSError: no group can be made.
    """

    name = "cgroup"
    resolution = 0.001
    notes: tuple[str, ...] = ()

    def __init__(self, proc: str = "/proc", root: str = "/sys/fs/cgroup") -> None:
        self._leftovers: list[str] = []
        self._folder, self._usage = find_group(_read(f"{proc}/self/cgroup"), root)
        _remove_orphans(self._folder)
        trial = f"{self._folder}/{_name('trial')}"
        os.mkdir(trial, 0o755)  # noqa: PTH102 - as above
        try:
            os.stat(f"{trial}/{self._usage}")  # noqa: PTH116 - as above
        finally:
            os.rmdir(trial)  # noqa: PTH106 - as above

    def adopt(self, pid: int) -> CgroupTree:
        """Put a process, with the threads that it has and what it will start, into a group."""
        from greenlithops.energy.cpu_time.processes import process_ns  # noqa: PLC0415 - one use

        self._sweep()
        folder = f"{self._folder}/{_name(str(pid))}"
        return CgroupTree(folder, self._usage, pid, process_ns(pid), self._leftovers)

    def _sweep(self) -> None:
        self._leftovers[:] = [folder for folder in self._leftovers if not _removed(folder)]

    def close(self) -> None:
        """Remove the groups whose tasks were still ending when they were closed."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        self._sweep()
        while self._leftovers and time.monotonic() < deadline:
            self._sweep()


def find_group(own: str, root: str) -> tuple[str, str]:
    """Return the folder in which groups can be made, and the file that counts.

    Args:
        own: the text of ``/proc/self/cgroup``.
        root: where control groups are mounted.

    Raises:
        OSError: there is none.
    """
    tried: list[str] = []
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            places = [(f"{root}{path}", "cpu.stat"), (f"{root}/unified{path}", "cpu.stat")]
        elif "cpuacct" in controllers.split(","):
            names = (controllers, "cpuacct", "cpu,cpuacct")
            places = [(f"{root}/{name}{path}", "cpuacct.usage") for name in names]
        else:
            continue
        for folder, usage in places:
            clean = folder.rstrip("/")
            if os.path.exists(f"{clean}/cgroup.procs") and os.access(clean, os.W_OK):  # noqa: PTH110 - as above
                return clean, usage
            tried.append(clean)
    raise OSError(f"no control group can be made in {', '.join(tried) or root}")


def _remove_orphans(folder: str) -> None:
    """Remove the groups of programs that were killed; those that still hold a task stay."""
    for name in os.listdir(folder):  # noqa: PTH208 - as above
        owner = name.removeprefix("greenlithops-").partition("-")[0]
        if name != owner and owner.isdigit() and not os.path.exists(f"/proc/{owner}"):  # noqa: PTH110 - as above
            _removed(f"{folder}/{name}")


def _name(what: str) -> str:
    return f"greenlithops-{os.getpid()}-{next(_numbers)}-{what}"


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, 1 << 16, 0).decode()
    finally:
        os.close(descriptor)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
