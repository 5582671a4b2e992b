"""The emulated machine that the tools are run on: so many watts idle, so many for a busy CPU.

Its RAPL counter (FUSE) follows this machine's real CPU time. Needs root, /dev/fuse and libfuse
(``make test-integration`` installs it).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

from environments import PeerEnvironmentError, python_of  # noqa: E402 - of the folder above
from greenlithops.testing.meters import LiveMachine, LivePowercap, seen_by  # noqa: E402 - ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MACHINE = LiveMachine(idle_watts=20.0, watts_per_cpu=50.0)
PATIENCE = 600.0


@contextmanager
def emulated() -> Iterator[Path]:
    """Serve the counter; give its tree, laid out as the kernel's is."""
    if os.geteuid() != 0:
        sys.exit("the emulated counter cannot be made here: a mount namespace needs root")
    if reason := LivePowercap.impossible():
        sys.exit(f"the emulated counter cannot be made here: {reason}")
    with tempfile.TemporaryDirectory() as name, LivePowercap(Path(name) / "live", MACHINE) as live:
        yield kernel_layout(Path(name) / "kernel", live)


def kernel_layout(folder: Path, live: Path) -> Path:
    """Link live zones into a tree with all the entries that the kernel's has."""
    (folder / "intel-rapl").mkdir(parents=True)
    for zone in (live / "class" / "powercap").iterdir():
        (folder / zone.name).symlink_to(zone)
        (folder / "intel-rapl" / zone.name).symlink_to(zone)
    (folder / "intel-rapl" / "subsystem").symlink_to("..")
    return folder


def codecarbon() -> str | None:
    """Return the interpreter that has CodeCarbon; None, and a line that says why, if none has."""
    try:
        return str(python_of("codecarbon", ROOT))
    except PeerEnvironmentError as error:
        print(f"CodeCarbon could not be installed: {error}")
        return None


def figures(
    command: Sequence[str], tree: Path, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a program that sees the counter; return the JSON of its last line.

    What went wrong is under ``failed``.
    """
    try:
        done = subprocess.run(
            seen_by(command, powercap=tree),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, **(variables or {})},
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"it had not ended after {PATIENCE:g} s"}
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["it said nothing"]
        return {"failed": words[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
