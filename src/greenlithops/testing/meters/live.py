"""A powercap tree that lives: its counters follow the real CPU time of this machine.

    with LivePowercap(folder, LiveMachine(idle_watts=20, watts_per_cpu=50)) as sysfs:
        ...                      # the tree is sysfs/class/powercap

It is a file system in user space, served by a process of its own, so whatever opens and reads files
sees it, in any language. Needs ``/dev/fuse``, libfuse and ``mfusepy``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class LiveMachine:
    """What the emulated machine burns.

    Attributes:
        idle_watts: of each package, doing nothing.
        watts_per_cpu: more for each CPU that is busy, shared by the packages.
        packages: sockets.
        dram: memory's part, as a fraction of a package's energy; 0 for no such zones.
        core: the cores' part, within the package; 0 for no such zones.
        period: seconds between two steps of the counters.
        wrap_joules: where the counters begin again.
        mode: permissions of the counters: 0o400 as kernels have it since 5.10.
    """

    idle_watts: float = 20.0
    watts_per_cpu: float = 50.0
    packages: int = 1
    dram: float = 0.0
    core: float = 0.0
    period: float = 0.001
    wrap_joules: float = 262_143.328_85
    mode: int = 0o400


class LivePowercap:
    """Serves the tree while the block runs.

    Args:
        folder: where it is mounted; made if it is not there.
        machine: what it burns.

    Raises:
        RuntimeError: it cannot be mounted; the text says why.
    """

    def __init__(self, folder: str | Path, machine: LiveMachine | None = None) -> None:
        self.folder = Path(folder)
        self.machine = machine or LiveMachine()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Path:
        self.start()
        return self.folder

    def start(self) -> Self:
        """Mount it, and wait until it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "greenlithops.testing.meters.serve", str(self.folder)]
        self._process = process = subprocess.Popen(
            [*command, json.dumps(asdict(self.machine))],
            stdin=subprocess.PIPE,  # whose end tells that this process is gone
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + _PATIENCE
        while not self.folder.is_mount():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                words = process.communicate()[1].decode(errors="replace").strip()
                self._process = None
                raise RuntimeError(f"the live counters cannot be mounted: {words[-500:]}")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Unmount it, and wait for the process that served it."""
        process, self._process = self._process, None
        if process is None:
            return
        for command in (["umount", "--lazy"], ["fusermount3", "-uz"], ["fusermount", "-uz"]):
            try:
                done = subprocess.run(
                    [*command, str(self.folder)], capture_output=True, check=False
                )
            except FileNotFoundError:
                continue
            if done.returncode == 0:
                break
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                pipe.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @staticmethod
    def impossible() -> str | None:
        """Return why this machine cannot serve live counters, or None if it can."""
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            return "/dev/fuse is missing or may not be opened"
        try:
            import mfusepy  # noqa: F401, PLC0415 - looks for libfuse
        except (ImportError, OSError, AttributeError) as error:
            return f"mfusepy or libfuse is missing: {error}"
        return None
