"""Writes what the calls of a job have cost to an energy log, when the job has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from greenlithops.dispatch.ledger import DONE
from greenlithops.energy.log import EnergyLog, record_of_call, record_of_report

if TYPE_CHECKING:
    import os

    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.energy.log import LogRecord

logger = logging.getLogger(__name__)

AT_ONCE = 100  #: records that are made without letting the event loop run
LINES = 2000  #: records that are written together


class JobLog:
    """Appends jobs to an energy log: a line for each call that ran, and one for the job."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._log = EnergyLog(path)

    async def write(self, job: Tracker) -> None:
        """Append a job that has ended. A file that cannot be written is told in the log."""
        try:
            await self._write(job)
        except OSError:
            logger.exception("the energy of job %s could not be logged", job.id)

    async def _write(self, job: Tracker) -> None:
        ledger = job.work.ledger
        lines: list[LogRecord] = []
        begun = time.time()
        for index in range(ledger.base, ledger.size):
            energy, stats = job.energy(index), ledger.stats(index)
            if energy is not None and stats is not None:
                begun = min(begun, stats.start)
                lines.append(
                    record_of_call(
                        energy,
                        name=job.name,
                        start=stats.start,
                        job=job.id,
                        index=index,
                        stats=stats,
                        ok=ledger.state(index) == DONE,
                    )
                )
            if not index % AT_ONCE:
                await asyncio.sleep(0)
            if len(lines) >= LINES:
                await self._log.append_async(*lines)
                lines.clear()
        if job.work.energy is not None:
            report, workers = job.work.energy.report(), ledger.job_stats().workers
            lines.append(
                record_of_report(
                    report,
                    name=job.name,
                    start=begun,
                    job=job.id,
                    workers=workers,
                    ok=job.first_error is None,
                )
            )
        await self._log.append_async(*lines)
