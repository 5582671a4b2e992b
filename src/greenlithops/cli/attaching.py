"""`greenlithops attach`: a durable job of a client that has died, or is elsewhere, to its end."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from greenlithops.cli.failing import FAILED, one_line_errors
from greenlithops.cli.options import (
    AsJson,
    Backend,
    ConfigFile,
    Debug,
    Region,
    StorageName,
    out,
    print_json,
    set_debug,
    settings,
)

if TYPE_CHECKING:
    from greenlithops.config.settings import Settings
    from greenlithops.models import Progress

_SECONDS = 1.0  #: between two lines about the progress


def attach(
    job: Annotated[
        str | None, typer.Argument(help="The durable job: its id in the program that began it.")
    ] = None,
    config: ConfigFile = None,
    backend: Backend = None,
    storage: StorageName = None,
    start: Annotated[
        bool, typer.Option("--start", help="Start the virtual machine if it is stopped.")
    ] = False,
    region: Region = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """Follow a durable job to its end, and run what is left of it if its client has died.

    The exit code is 1 if calls have failed. Without a job: open a shell on the
    coordinating virtual machine, where the backend has one.
    """
    del start  # for backends that this version does not have
    with one_line_errors():
        set_debug(debug)
        found = settings(config, backend, storage, region)
        if job is None:
            from greenlithops.cli.engines import refuse

            refuse(found, "machine to attach to", "standalone")
        progress = asyncio.run(_follow(job, found, quiet=as_json))
        if as_json:
            print_json({"job": job, **_counts(progress)})
        else:
            out().print(f"{job}: {_text(progress)}", markup=False)
    if progress.failed or progress.cancelled:
        raise typer.Exit(FAILED)


async def _follow(job_id: str, found: Settings, *, quiet: bool) -> Progress:
    from greenlithops.executor import AsyncExecutor
    from greenlithops.sync.config import storage_choice

    options: dict[str, Any] = dict(found.options)
    async with AsyncExecutor(found.backend, storage=storage_choice(found), **options) as executor:
        job = await executor.attach(job_id)
        ending = asyncio.ensure_future(job.results(return_exceptions=True))
        while not (await asyncio.wait([ending], timeout=_SECONDS))[0]:
            if not quiet:
                sys.stderr.write(f"{_text(job.progress)}\n")
        await ending
        return job.progress


def _counts(progress: Progress) -> dict[str, int | None]:
    return {
        "total": progress.total,
        "done": progress.done,
        "failed": progress.failed,
        "cancelled": progress.cancelled,
    }


def _text(progress: Progress) -> str:
    total = "?" if progress.total is None else f"{progress.total:,}"
    return f"{progress.finished:,} of {total} calls have ended, {progress.failed:,} failed"
