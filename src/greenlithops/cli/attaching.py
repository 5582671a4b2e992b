"""`greenlithops attach`: a durable job of a client that has died, or is elsewhere, to its end."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import asyncio
import json
import pickle
import sys
from pathlib import Path
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
    results: Annotated[
        str | None,
        typer.Option(
            "--results",
            help="Write the results to this file: JSON lines if it ends in .jsonl or is -, else "
            "a pickled list, with the errors in their places.",
        ),
    ] = None,
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
        keep = results is not None
        progress, values = asyncio.run(_follow(job, found, quiet=as_json, keep=keep))
        if results is not None:
            _write(results, values)
        if as_json:
            print_json({"job": job, **_counts(progress)})
        elif results != "-":
            out().print(f"{job}: {_text(progress)}", markup=False)
    if progress.failed or progress.cancelled:
        raise typer.Exit(FAILED)


async def _follow(
    job_id: str, found: Settings, *, quiet: bool, keep: bool
) -> tuple[Progress, list[Any]]:
    from greenlithops.executor import AsyncExecutor
    from greenlithops.sync.config import storage_choice

    options: dict[str, Any] = dict(found.options)
    async with AsyncExecutor(found.backend, storage=storage_choice(found), **options) as executor:
        job = await executor.attach(job_id)
        ending = asyncio.ensure_future(job.results(return_exceptions=True))
        while not (await asyncio.wait([ending], timeout=_SECONDS))[0]:
            if not quiet:
                sys.stderr.write(f"{_text(job.progress)}\n")
        values = await ending
        return job.progress, values if keep else []


def _write(place: str, values: list[Any]) -> None:
    if place != "-" and not place.endswith(".jsonl"):
        Path(place).write_bytes(pickle.dumps(values))
        return
    text = "".join(f"{_line(index, value)}\n" for index, value in enumerate(values))
    if place == "-":
        sys.stdout.write(text)
    else:
        Path(place).write_text(text, encoding="utf-8")


def _line(index: int, value: Any) -> str:
    """Return one result as JSON; what JSON does not have is written as Python would show it."""
    if isinstance(value, BaseException):
        return json.dumps({"index": index, "error": f"{type(value).__name__}: {value}"})
    return json.dumps({"index": index, "result": value}, default=repr)


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
