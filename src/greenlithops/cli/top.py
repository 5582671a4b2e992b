"""`greenlithops top`: a live view of a program's jobs, or of every program on this machine."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import contextlib
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from greenlithops.cli.failing import one_line_errors
from greenlithops.cli.options import AsJson, print_json
from greenlithops.cli.running import Arguments  # noqa: TC001 - Typer reads the annotation
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil

    from greenlithops.dispatch.engine import Engine

_MARK = "greenlithops.worker.process"
_ANSWER_SECONDS = 0.5  #: how long a busy loop may take to answer


class JobRow(NamedTuple):
    """One job at a moment."""

    job: str
    function: str
    total: int | None
    finished: int
    failed: int
    running: int


class View(NamedTuple):
    """What a program does at a moment."""

    workers: int
    joules: float | None
    jobs: list[JobRow]


def snapshot(engine: Engine) -> View:
    """Return what an engine does; on its loop."""
    rows = []
    for tracker in engine.trackers:
        told = tracker.progress()
        name = tracker.work.function.image.name
        numbers = (told.total, told.finished, told.failed, told.sent)
        rows.append(JobRow(tracker.id, name, *numbers))
    report = engine.energy.report() if engine.energy is not None else None
    joules = report.joules if report is not None else None
    return View(len(engine.workers), joules, sorted(rows))


def look() -> list[View]:
    """Return what the engines of this process do; those that do not answer are left out."""
    from greenlithops.dispatch.engine import open_engines

    answers: list[View] = []
    waiting = []
    for engine in open_engines():
        answered = threading.Event()

        def ask(engine: Engine = engine, answered: threading.Event = answered) -> None:
            try:
                answers.append(snapshot(engine))
            finally:
                answered.set()

        with contextlib.suppress(RuntimeError):  # its loop has just been closed
            engine.loop.call_soon_threadsafe(ask)
            waiting.append(answered)
    for answered in waiting:
        answered.wait(_ANSWER_SECONDS)
    return answers


class Panel:
    """The picture of a program's jobs: calls per second and watts since the picture before."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._joules: float | None = None
        self._time = time.monotonic()

    def draw(self, views: list[View]) -> Table:
        """Return the next picture."""
        now = time.monotonic()
        seconds, self._time = max(now - self._time, 1e-6), now
        rows = [row for view in views for row in view.jobs]
        new = sum(max(0, row.finished - self._done.get(row.job, 0)) for row in rows)
        self._done |= {row.job: row.finished for row in rows}
        watts = self._watts(views, seconds)
        table = Table(
            title=f"{new / seconds:,.0f} calls/s   {watts}   "
            f"{sum(view.workers for view in views)} workers",
            title_justify="left",
            box=None,
        )
        for name in ("Job", "Function", "Calls", "Ended", "Failed", "With workers"):
            table.add_column(name, justify="left" if name in {"Job", "Function"} else "right")
        for row in rows:
            total = "?" if row.total is None else f"{row.total:,}"
            numbers = (total, f"{row.finished:,}", f"{row.failed:,}", f"{row.running:,}")
            table.add_row(row.job, row.function, *numbers)
        return table

    def _watts(self, views: list[View], seconds: float) -> str:
        known = [view.joules for view in views if view.joules is not None]
        before, self._joules = self._joules, sum(known) if known else None
        if before is None or self._joules is None:
            return "watts not known"
        return f"{max(0.0, self._joules - before) / seconds:.1f} W"


@contextlib.contextmanager
def watching(seconds: float) -> Iterator[None]:
    """Show the jobs of this process while the block runs."""
    from greenlithops.sync import progress

    over = threading.Event()
    panel = Panel()
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        show_one = console.print
        if console.is_terminal:
            live = stack.enter_context(Live(console=console, auto_refresh=False))
            show_one = partial(live.update, refresh=True)

        def show() -> None:
            while not over.wait(seconds):
                show_one(panel.draw(look()))

        thread = threading.Thread(target=show, name="greenlithops-top", daemon=True)
        thread.start()
        progress.hidden = True
        try:
            yield
        finally:
            progress.hidden = False
            over.set()
            thread.join()


def programs() -> list[dict[str, Any]]:
    """Return the programs of this user that have workers on this machine, now."""
    import psutil

    found: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended, or is somebody else's
            if any(_MARK in part for part in process.cmdline()):
                found.setdefault(process.ppid(), []).append(process)
    return [_program(pid, workers) for pid, workers in sorted(found.items())]


def _program(pid: int, workers: list[psutil.Process]) -> dict[str, Any]:
    import psutil

    cpu = memory = 0.0
    for worker in workers:
        with contextlib.suppress(psutil.Error):  # it has just ended
            times = worker.cpu_times()
            cpu += times.user + times.system
            memory += worker.memory_info().rss
    command, age = "?", None
    with contextlib.suppress(psutil.Error):  # the program has just ended
        client = psutil.Process(pid)
        command, age = " ".join(client.cmdline()), time.time() - client.create_time()
    return {
        "Program": pid,
        "Workers": len(workers),
        "CPU seconds": round(cpu, 1),
        "Memory (MiB)": round(memory / (1 << 20)),
        "Age (s)": None if age is None else round(age),
        "Command": command,
    }


def _table(rows: list[dict[str, Any]], before: dict[int, float], seconds: float) -> Table:
    table = Table(box=None)
    for name in ("Program", "Workers", "CPU %", "Memory (MiB)", "Age (s)"):
        table.add_column(name, justify="right")
    table.add_column("Command", overflow="ellipsis", no_wrap=True)
    for row in rows:
        used = row["CPU seconds"] - before.get(row["Program"], row["CPU seconds"])
        share = f"{100 * max(0.0, used) / seconds:.0f}"
        shown = (row["Program"], row["Workers"], share, row["Memory (MiB)"], row["Age (s)"])
        table.add_row(*map(str, shown), str(row["Command"]))
    return table


def top(
    script: Annotated[str | None, typer.Argument(help="A Python script to run and watch.")] = None,
    arguments: Arguments = None,
    seconds: Annotated[float, typer.Option(help="Between two pictures.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Show the jobs of a script while it runs: calls per second, watts, workers.

    Without a script, show the programs that have workers on this machine; with
    --json, once.
    """
    with one_line_errors():
        if seconds <= 0:
            raise UsageError(f"--seconds must be positive, not {seconds}")
        if script is None:
            if as_json:
                print_json(programs())
            else:
                _watch_machine(seconds)
            return
        if not Path(script).exists():
            raise UsageError(f"there is no script {script!r}")
    from greenlithops.as_lithops.script import run_script

    with watching(seconds):
        run_script(script, list(arguments or ()))


def _watch_machine(seconds: float) -> None:
    before: dict[int, float] = {}
    with Live(auto_refresh=False) as live:
        while True:
            rows = programs()
            live.update(_table(rows, before, seconds), refresh=True)
            before = {row["Program"]: row["CPU seconds"] for row in rows}
            time.sleep(seconds)
