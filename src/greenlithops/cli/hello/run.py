"""Runs the map-reduce and gathers what it found and what it cost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.cli.hello.corpus import grouped, installation, python_files
from greenlithops.cli.hello.counting import Answer, add_up, count_files
from greenlithops.dispatch.options import default_workers
from greenlithops.errors import GreenlithopsError
from greenlithops.executor import AsyncExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.energy.records import EnergyReport
    from greenlithops.models import Progress
    from greenlithops.reduction import Reduction

REFRESH_SECONDS = 0.1


class NothingToCount(GreenlithopsError):
    """There is no Python file here."""


class Outcome(NamedTuple):
    """What a run found and what it cost.

    Attributes:
        folders: where files were looked for.
        answer: what they hold.
        seconds: from the start to the answer: finding files and starting workers included.
        cpu_seconds: CPU time of all calls, the reduction included.
        calls: how many there were.
        workers: how many workers took part.
        energy: what the calls cost.
    """

    folders: list[str]
    answer: Answer
    seconds: float
    cpu_seconds: float
    calls: int
    workers: int
    energy: EnergyReport | None

    @property
    def speed_up(self) -> float:
        """How much sooner the answer came than from one core that does the same work."""
        return self.cpu_seconds / self.seconds


def count_identifiers(
    folder: str | None,
    *,
    workers: int | None,
    top: int,
    on_progress: Callable[[Progress], None],
) -> Outcome:
    """Count the identifiers of every Python file in a folder, or in this Python's installation.

    Args:
        folder: where to look; None for the running Python's installation.
        workers: how many workers at most; None for one on each CPU.
        top: how many identifiers to keep.
        on_progress: told from time to time how far the work is.

    Raises:
        NothingToCount: there is no Python file.
    """
    start = time.perf_counter()
    executor = AsyncExecutor(max_workers=workers)
    folders = [folder] if folder is not None else installation()
    # Before there is a loop, since a walk through a slow disk would hold it up.
    sources = python_files(folders, imported=folder is None)
    groups = grouped(sources, workers or default_workers())
    if not groups:
        raise NothingToCount(f"there is no .py file in {', '.join(folders)}")

    async def count() -> Outcome:
        async with executor:
            reduction = executor.map_reduce(count_files, groups, add_up, extra_args_reduce=(top,))
            await _watch(reduction, on_progress)
            answer = await reduction
            seconds = time.perf_counter() - start
            stats = reduction.job.stats
            last = reduction.reducer.stats if reduction.reducer else None
            return Outcome(
                folders=folders,
                answer=answer,
                seconds=seconds,
                cpu_seconds=stats.cpu_seconds + (last.cpu_seconds if last else 0.0),
                calls=stats.calls + 1,
                workers=stats.workers,
                energy=executor.energy,
            )

    return asyncio.run(count())


async def _watch(reduction: Reduction[Any], on_progress: Callable[[Progress], None]) -> None:
    """Tell from time to time how far a reduction is, until it has ended."""
    waiting = asyncio.ensure_future(reduction)
    while not waiting.done():
        on_progress(reduction.progress)
        await asyncio.wait([waiting], timeout=REFRESH_SECONDS)
    on_progress(reduction.progress)
