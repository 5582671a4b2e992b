"""`greenlithops clean` and `greenlithops logs`: what jobs have left, deleted or shown."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import shutil
import sys
import time
from typing import Annotated

import typer

from greenlithops.cli.failing import one_line_errors
from greenlithops.cli.options import (
    AsJson,
    Backend,
    ConfigFile,
    Debug,
    Region,
    StorageName,
    content,
    out,
    print_json,
    set_debug,
)
from greenlithops.errors import NoSuchBucket, UsageError
from greenlithops.sync.call_logs import ALL_CALLS, folder, job_file

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
        bool, typer.Option("--all", "-a", help="Also what virtual machines hold.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete the objects that programs left without a key of their own, and logs of calls."""
    from greenlithops.sync.storage import Storage

    with one_line_errors():
        set_debug(debug)
        found, _ = content(config, backend, storage, region)
        if everything and found["lithops"]["mode"] != "standalone":
            everything = False  # there is nothing more
        place = Storage(config=found)
        keys: list[str] = []
        if place.bucket is not None:
            try:
                keys = place.list_keys(place.bucket, OWN_KEYS)
                place.delete_objects(place.bucket, keys)
            except NoSuchBucket:
                keys = []
        logged = folder().is_dir()
        shutil.rmtree(folder(), ignore_errors=True)
        if as_json:
            print_json({"storage": place.backend, "objects": len(keys), "logs": logged})
        else:
            out().print(
                f"Deleted objects: {len(keys)}; logs of calls: {'yes' if logged else 'none'}"
            )


@logs.command()
def get(job_key: Annotated[str, typer.Argument(help="The job: future.job_key.")]) -> None:
    """Print what the calls of a job have printed."""
    with one_line_errors():
        path = job_file(job_key)
        if not path.is_file():
            raise UsageError(
                f"there is no log of {job_key!r}: calls that printed something are written down "
                "with 'call_logs: true' in the section 'lithops'; else see future.logs"
            )
        sys.stdout.write(path.read_text(encoding="utf-8", errors="replace"))


@logs.command()
def poll() -> None:
    """Print what calls print from now on, until Ctrl-C."""
    with one_line_errors():
        path = folder() / ALL_CALLS
        place = path.stat().st_size if path.is_file() else 0
        while True:
            if path.is_file():
                with path.open("rb") as file:
                    file.seek(min(place, path.stat().st_size))
                    sys.stdout.write(file.read().decode("utf-8", "replace"))
                    sys.stdout.flush()
                    place = file.tell()
            time.sleep(_POLL_SECONDS)
