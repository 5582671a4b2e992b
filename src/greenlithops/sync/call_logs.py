"""What calls have printed, in files, for those who ask for it: `lithops.call_logs`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from greenlithops.errors import UsageError

ALL_CALLS = "functions.log"


def folder() -> Path:
    """Return where the logs of this user are; it is not made by asking."""
    return Path(tempfile.gettempdir()) / f"greenlithops-logs-{os.getuid()}"


def made_folder() -> Path:
    """Return where the logs of this user are, and make it if it is not there.

    Raises:
        UsageError: somebody else has made it.
    """
    place = folder()
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.getuid():
        raise UsageError(f"{place} belongs to somebody else; nothing is written there")
    return place


def job_file(job_key: str) -> Path:
    """Return the log of a job.

    Raises:
        UsageError: this cannot be the name of a job.
    """
    if not job_key or not job_key.replace("-", "").isalnum():
        raise UsageError(f"{job_key!r} is not the name of a job, such as '1a2b3c-0-M000'")
    return folder() / f"{job_key}.log"


def write(job_key: str, call_id: str, text: str) -> None:
    """Append what a call has printed to its job's log, and to the log of all calls."""
    place = made_folder()
    entry = f"{job_key}-{call_id}:\n{text.rstrip()}\n"
    for path in (job_file(job_key), place / ALL_CALLS):
        with path.open("a", encoding="utf-8") as file:
            file.write(entry)
