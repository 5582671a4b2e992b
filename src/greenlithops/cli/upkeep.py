"""`greenlithops clean` and `greenlithops logs`: what jobs have left, deleted or shown."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from greenlithops.cli import services
from greenlithops.cli.failing import one_line_errors
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
from greenlithops.errors import NoSuchBucket, UsageError
from greenlithops.sync.call_logs import ALL_CALLS, folder, job_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.sync.storage import Storage

#: where objects without a key of their own go
OWN_KEYS = "greenlithops.tmp/"
_POLL_SECONDS = 0.2

logs = typer.Typer(no_args_is_help=True, help="What calls have printed.")


def clean(
    config: ConfigFile = None,
    backend: Backend = None,
    storage: StorageName = None,
    debug: Debug = False,
    region: Region = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Durable jobs, too, also those that still run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what programs have left.

    That is objects without a key of their own, logs of calls, and what is deployed of a function
    service; not an object that has a key of its own.
    """
    with one_line_errors():
        set_debug(debug)
        found = settings(config, backend, storage, region)
        name, deleted, jobs = _clean_storage(found.config, everything=everything)
        logged = folder().is_dir()
        shutil.rmtree(folder(), ignore_errors=True)
        runtimes = services.clean(found)
        if as_json:
            counts = {"storage": name, "objects": deleted, "jobs": jobs, "logs": logged}
            print_json({**counts, "runtimes": runtimes})
            return
        told = [f"Deleted objects: {deleted}", f"logs of calls: {'yes' if logged else 'none'}"]
        told += [f"durable jobs: {jobs}"] if everything else []
        told += [f"runtimes: {len(runtimes)}"] if found.mode == "serverless" else []
        out().print("; ".join(told))


def _clean_storage(found: Mapping[str, Any], *, everything: bool) -> tuple[str, int, int]:
    """Delete what is in storage; return the storage's name, and how many objects and jobs."""
    from greenlithops.durable.jobs import BUCKET
    from greenlithops.durable.records import PREFIX
    from greenlithops.sync.storage import Storage

    place = Storage(config=found)
    own = place.bucket
    deleted = len(_emptied(place, own, OWN_KEYS)) if own is not None else 0
    jobs: set[str] = set()
    if everything:
        for bucket in {own or BUCKET, BUCKET}:
            jobs |= {key.split("/")[1] for key in _emptied(place, bucket, PREFIX)}
    return place.backend, deleted, len(jobs)


def _emptied(place: Storage, bucket: str, prefix: str) -> list[str]:
    try:
        keys = place.list_keys(bucket, prefix)
        place.delete_objects(bucket, keys)
    except NoSuchBucket:
        return []
    return keys


@logs.command()
def get(
    job_key: Annotated[str, typer.Argument(help="The job: future.job_key.")],
    as_json: AsJson = False,
) -> None:
    """Print what the calls of a job have printed."""
    with one_line_errors():
        path = job_file(job_key)
        if not path.is_file():
            raise UsageError(
                f"there is no log of {job_key!r}: calls that printed something are written down "
                "with 'call_logs: true' in the section 'lithops'; else see future.logs"
            )
        text = path.read_text(encoding="utf-8", errors="replace")
        if as_json:
            print_json({"job": job_key, "log": text})
        else:
            sys.stdout.write(text)


@logs.command()
def poll(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object, on a line, for each line.")
    ] = False,
) -> None:
    """Print what calls print from now on, until Ctrl-C."""
    with one_line_errors():
        path = folder() / ALL_CALLS
        place = path.stat().st_size if path.is_file() else 0
        while True:
            if path.is_file():
                with path.open("rb") as file:
                    file.seek(min(place, path.stat().st_size))
                    new = file.read()
                if as_json:  # a line that is being written is for the next time
                    new = new[: new.rfind(b"\n") + 1]
                place = min(place, path.stat().st_size) + len(new)
                text = new.decode("utf-8", "replace")
                if as_json:
                    text = "".join(f"{json.dumps({'line': line})}\n" for line in text.splitlines())
                sys.stdout.write(text)
                sys.stdout.flush()
            time.sleep(_POLL_SECONDS)
