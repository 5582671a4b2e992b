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
IMPORTS_REPEATED = 5  # an import is short beside this machine's noise


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:  # noqa: ARG001
    """Run the adapter's program in ``cold/`` once; seconds of wall time."""
    name = adapter.__name__.rpartition(".")[2]
    figures = {"call": _seconds(str(PROGRAMS / f"{name}.py"))}
    if name == "greenlithops_async":
        bare, imported = [], []
        for _ in range(IMPORTS_REPEATED):
            bare.append(_seconds("-c", "pass"))
            imported.append(_seconds("-c", "import greenlithops"))
        figures["bare"] = statistics.median(bare)
        figures["import"] = statistics.median(imported) - figures["bare"]
    return figures


def _seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
