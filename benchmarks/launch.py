"""One probe in a fresh process with a home of its own, and nothing left running or lying after."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from environments import last_line

PROBE = Path(__file__).with_name("probe.py")
MARK = "GREENLITHOPS_BENCHMARK"  # in the environment of all that a probe starts, and inherited
GRACE = 1.0  # seconds in which helpers such as resource trackers may end by themselves
# What would make a probe depend on the caller's settings.
NOT_INHERITED = ("LITHOPS_", "GREENLITHOPS_", "DASK_", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Outcome:
    """What one probe said, or why it said nothing."""

    figures: dict[str, float] = field(default_factory=dict)
    version: str | None = None
    load: float | None = None
    failure: str | None = None
    left_behind: int = 0  # processes that had to be ended


def run_probe(
    python: Path | str, workload: str, adapter: str, *, size: int, workers: int, seconds: float
) -> Outcome:
    """Run one workload on one peer and end every process that it started."""
    arguments = [workload, adapter, "--size", str(size), "--workers", str(workers)]
    return run_script(python, PROBE, *arguments, seconds=seconds)


def run_script(python: Path | str, script: Path, *arguments: str, seconds: float) -> Outcome:
    """Run a script that prints an outcome as JSON and end every process that it started."""
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        output, errors = Path(scratch, "output"), Path(scratch, "errors")
        # Files, not pipes: a process that the probe leaves behind would hold a pipe open.
        with output.open("wb") as stdout, errors.open("wb") as stderr:
            process = subprocess.Popen(
                [python, script, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=scratch,
                env=_environment(python, scratch, mark),
            )
        timed_out = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            left = _end(process, mark)
        if timed_out:
            failure = f"took more than {seconds:g} s"
            return Outcome(failure=failure, left_behind=left)
        if process.returncode:
            reason = last_line(errors.read_text(errors="replace"))
            return Outcome(failure=reason or f"exit {process.returncode}", left_behind=left)
        try:
            said = json.loads(last_line(output.read_text()))
        except ValueError:
            return Outcome(failure="printed no figures", left_behind=left)
        return Outcome(**said, left_behind=left)


def _environment(python: Path | str, scratch: str, mark: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}
    path = os.pathsep.join((str(Path(python).parent), os.environ.get("PATH", os.defpath)))
    return {**kept, "PATH": path, "HOME": scratch, "TMPDIR": scratch, MARK: mark}


def _end(process: subprocess.Popen[bytes], mark: str) -> int:
    """End the probe if it still runs and whatever it left running; return how many those were."""
    if process.poll() is None:
        process.kill()
        process.wait()
    until = time.monotonic() + GRACE
    while (left := _marked(mark)) and time.monotonic() < until:
        time.sleep(0.05)
    ended: set[int] = set()
    while left:  # again, until none was started while the others were being ended
        for other in left:
            ended.add(other.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                other.kill()
        psutil.wait_procs(left, timeout=GRACE)
        left = _marked(mark)
    return len(ended)


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found
