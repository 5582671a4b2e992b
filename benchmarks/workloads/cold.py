"""How long a whole program takes that makes one call: start, import, workers, call, exit."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workloads import Adapter

PROGRAMS = Path(__file__).parent.parent / "cold"
IMPORTS = {
    "bare": "pass",
    "import": "import greenlithops",
    "import_face": "from greenlithops import AsyncExecutor",
}
IMPORTS_REPEATED = 5  # an import is short beside the noise of a machine


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:  # noqa: ARG001
    """Run the adapter's program in ``cold/`` once; seconds of wall time."""
    name = adapter.__name__.rpartition(".")[2]
    figures = {"call": _seconds(str(PROGRAMS / f"{name}.py"))}
    if name == "greenlithops_async":
        figures |= _imports()
    return figures


def _imports() -> dict[str, float]:
    # In turn, so that a slow moment strikes all three.
    rounds = [
        {name: _seconds("-c", program) for name, program in IMPORTS.items()}
        for _ in range(IMPORTS_REPEATED)
    ]
    bare = statistics.median(times["bare"] for times in rounds)
    added = {
        name: statistics.median(times[name] for times in rounds) - bare
        for name in IMPORTS
        if name != "bare"
    }
    return {"bare": bare, **added}


def _seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
