"""A web service that counts words on workers, and streams results and joules to its page.

Start it with ``python examples/service.py`` and open http://127.0.0.1:8000. It reads files below
the folder in ``SERVICE_ROOT`` only, which is Python's own library by default.
"""

import asyncio
import json
import os
import re
import secrets
import sysconfig
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import nsmallest
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, StringConstraints, model_validator

import greenlithops as gl

ROOT = Path(os.environ.get("SERVICE_ROOT", sysconfig.get_path("stdlib"))).resolve()
PAGE = Path(__file__).with_name("service.html").read_text()
KEPT_JOBS = 20  #: finished jobs that can still be asked for
RUNNING_JOBS = 8  #: more at a time are refused
MOST_CALLS = 5_000  #: in one job
LINES_PER_CALL = 20
SHOWN_ERRORS = 20
HEARTBEAT_SECONDS = 10.0

# What runs on the workers.


def count_file(name: str, path: Path) -> tuple[int, Counter[str]]:
    """Count lines and words of a file."""
    return count_lines(name, path.read_text(encoding="utf-8").splitlines())


def count_lines(name: str, lines: list[str]) -> tuple[int, Counter[str]]:  # noqa: ARG001 - see map
    """Count lines and words."""
    return len(lines), Counter(word.lower() for line in lines for word in re.findall(r"\w+", line))


# What the service keeps.


class Run:
    """One job, its results so far, and everything that its listeners have to be told."""

    def __init__(self, job: gl.Job[tuple[int, Counter[str]]], names: list[str]) -> None:
        self.id = secrets.token_urlsafe(9)
        self.state = "running"
        self._job = job
        self._end: dict[str, Any] | None = None
        self._names = names
        self._lines, self._words = 0, Counter[str]()
        self._errors: list[dict[str, str]] = []
        self._events: list[str] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async for future in self._job.as_completed():
            if future.cancelled():
                continue
            event: dict[str, Any] = {"name": self._names[future.index]}
            error = future.exception()
            if error is None:
                lines, words = future.result()
                self._lines += lines
                self._words.update(words)
                event |= {"lines": lines, "words": words.total()}
            else:
                event["error"] = f"{type(error).__name__}: {error}"
                self._errors.append(event)
                del self._errors[SHOWN_ERRORS:]
            self._tell("result", event | {"progress": self.progress()})
        progress = self._job.progress
        left_out = len(self._names) - progress.done - progress.failed
        self.state = "cancelled" if left_out else "done"
        self._end = self.describe()
        self._tell("end", self._end)
        del self._job, self._words  # all results: a finished job is kept without them

    def _tell(self, kind: str, event: dict[str, Any]) -> None:
        number = len(self._events) + 1
        self._events.append(f"id: {number}\nevent: {kind}\ndata: {json.dumps(event)}\n\n")
        self._news.set()
        self._news = asyncio.Event()

    async def listen(self, after: int) -> AsyncIterator[str]:
        """Give all events behind number `after`: those that have been, and those that come."""
        while True:
            for event in self._events[after:]:
                after += 1
                yield event
            if self.state != "running":
                return
            if after == len(self._events):
                try:
                    await asyncio.wait_for(self._news.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield ": nothing new\n\n"

    def progress(self) -> dict[str, int]:
        """Return how far the job is."""
        progress = self._job.progress
        finished = progress.done + progress.failed
        total = len(self._names)
        return {
            "total": total,
            "finished": finished,
            "done": progress.done,
            "failed": progress.failed,
            "cancelled": total - finished if self.state == "cancelled" else 0,
        }

    def describe(self) -> dict[str, Any]:
        """Return all that is known of the job."""
        return self._end or {
            "id": self.id,
            "state": self.state,
            "progress": self.progress(),
            "result": {
                "lines": self._lines,
                "words": self._words.total(),
                "top": nsmallest(10, self._words.items(), key=lambda item: (-item[1], item[0])),
            },
            "errors": self._errors,
            "energy": self._energy(),
        }

    def _energy(self) -> dict[str, Any] | None:
        report = self._job.energy
        if report is None:
            return None
        names = ("joules", "joules_low", "joules_high", "kind", "method", "gco2e", "reason")
        return {name: getattr(report, name) for name in names} | {"text": str(report)}

    async def stop(self) -> None:
        """Cancel the calls that have not ended."""
        if self.state == "running":
            self._job.cancel()
        await asyncio.wait([self._task])


class Service:
    """The executor and the jobs that can be asked for."""

    def __init__(self, executor: gl.AsyncExecutor) -> None:
        self.executor = executor
        self.runs: dict[str, Run] = {}

    def start(self, calls: list[tuple[str, Any]], *, files: bool) -> Run:
        """Start a job, and forget the oldest of too many finished ones."""
        running = sum(run.state == "running" for run in self.runs.values())
        if running >= RUNNING_JOBS:
            raise HTTPException(429, "too many jobs are running", {"Retry-After": "5"})
        finished = [run.id for run in self.runs.values() if run.state != "running"]
        for old in finished[: max(0, len(finished) - KEPT_JOBS + 1)]:
            del self.runs[old]
        job = self.executor.map(count_file if files else count_lines, calls)
        run = Run(job, [name for name, _ in calls])
        self.runs[run.id] = run
        return run


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one executor open for as long as the service runs."""
    async with gl.AsyncExecutor() as executor:
        app.state.service = service = Service(executor)
        yield
        for run in service.runs.values():
            await run.stop()


app = FastAPI(title="Word counts and joules", lifespan=lifespan)

# What clients see.


class JobRequest(BaseModel):
    """Either a folder below the service's root, or lines of text."""

    folder: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    lines: list[Annotated[str, StringConstraints(max_length=10_000)]] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "JobRequest":
        if (self.folder is None) == (self.lines is None):
            raise ValueError("give either a folder or lines")
        return self


def files_below(folder: str) -> list[tuple[str, Path]]:
    """Return the Python files of a folder below the root, with names relative to it."""
    try:
        place = (ROOT / folder).resolve()
    except ValueError:  # a name that no file can have
        place = ROOT.parent
    if not place.is_relative_to(ROOT) or not place.is_dir():
        raise HTTPException(422, f"there is no folder {folder!r} below the root of this service")
    found = sorted(path for path in place.rglob("*.py") if _may_be_read(path))
    names = ((path.relative_to(place), path) for path in found)
    return [(str(name), path) for name, path in names if "site-packages" not in name.parts]


def _may_be_read(path: Path) -> bool:
    real = path.resolve()
    return real.is_file() and real.is_relative_to(ROOT)


def find(request: Request, job_id: str) -> Run:
    """Return a job that is kept."""
    run: Run | None = request.app.state.service.runs.get(job_id)
    if run is None:
        raise HTTPException(404, "there is no such job")
    return run


@app.post("/jobs", status_code=202)
async def start_job(request: Request, wanted: JobRequest) -> dict[str, str]:
    """Start counting; return at once."""
    calls: list[tuple[str, Any]]
    if wanted.folder is not None:
        calls = list(await asyncio.to_thread(files_below, wanted.folder))
    else:
        lines = wanted.lines or []
        groups = range(0, len(lines), LINES_PER_CALL)
        calls = [(f"lines from {at + 1}", lines[at : at + LINES_PER_CALL]) for at in groups]
    if not 0 < len(calls) <= MOST_CALLS:
        raise HTTPException(422, f"a job may have 1 to {MOST_CALLS:,} parts, not {len(calls):,}")
    run = request.app.state.service.start(calls, files=wanted.folder is not None)
    return {"id": run.id, "url": f"/jobs/{run.id}", "events": f"/jobs/{run.id}/events"}


@app.get("/jobs/{job_id}")
async def show_job(request: Request, job_id: str) -> dict[str, Any]:
    """Tell how far a job is, and what it has found and cost."""
    return find(request, job_id).describe()


@app.get("/jobs/{job_id}/events")
async def follow_job(
    request: Request, job_id: str, last_event_id: Annotated[int, Header(ge=0)] = 0
) -> StreamingResponse:
    """Stream results as they come, and at the end what they cost."""
    events = find(request, job_id).listen(last_event_id)
    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@app.delete("/jobs/{job_id}")
async def cancel_job(request: Request, job_id: str) -> dict[str, Any]:
    """Cancel what has not ended of a job."""
    run = find(request, job_id)
    await run.stop()
    return run.describe()


@app.get("/")
async def show_page() -> HTMLResponse:
    """Show the page."""
    return HTMLResponse(PAGE)


if __name__ == "__main__":
    # Streams to browsers may be open for ever: what still listens after a second is cut off.
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")), timeout_graceful_shutdown=1)
