"""Pictures of jobs: when calls ran, how many at once, and what they cost."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from greenlithops.errors import UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from greenlithops.sync.futures import ResponseFuture
    from greenlithops.sync.stats import Stats

_STEPS = (
    ("host_job_create_tstamp", "job made", "tab:gray"),
    ("host_submit_tstamp", "taken from the input", "tab:blue"),
    ("worker_start_tstamp", "started", "tab:orange"),
    ("worker_end_tstamp", "ended", "tab:green"),
    ("host_status_done_tstamp", "seen", "tab:red"),
)
_BINS = 200


def destination(dst: str | os.PathLike[str] | None, suffix: str) -> Path:
    """Return the file of a plot: `dst` and the suffix, or one in the folder ``plots``."""
    if dst is None:
        moment = dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%d_%H-%M-%S")
        dst = Path("plots") / moment
    path = Path(dst).expanduser()
    return path.with_name(f"{path.name}_{suffix}.png")


def create_timeline(
    fs: Iterable[ResponseFuture],
    dst: str | os.PathLike[str] | None,
    figsize: tuple[float, float] = (10, 6),
) -> Path:
    """Draw when each call was made, started and ended; return the file."""
    stats = ended(fs)
    start = min(one["host_job_create_tstamp"] for one in stats)
    with _Picture(figsize, "seconds", "call") as (picture, axes):
        for key, name, colour in _STEPS:
            moments = [one[key] - start for one in stats]
            axes.scatter(moments, range(len(stats)), s=6, color=colour, label=name, linewidths=0)
        for place, one in enumerate(stats):
            axes.plot(
                [one["worker_start_tstamp"] - start, one["worker_end_tstamp"] - start],
                [place, place],
                color="tab:green",
                alpha=0.4,
                linewidth=1,
            )
        axes.legend(loc="best")
        return picture.save(destination(dst, "timeline"))


def create_histogram(
    fs: Iterable[ResponseFuture],
    dst: str | os.PathLike[str] | None,
    figsize: tuple[float, float] = (10, 6),
) -> Path:
    """Draw how many calls ran at once, and when each of them ran; return the file."""
    stats = ended(fs)
    start = min(one["host_job_create_tstamp"] for one in stats)
    spans = [
        (one["worker_start_tstamp"] - start, one["worker_end_tstamp"] - start) for one in stats
    ]
    end = max(stop for _, stop in spans)
    moments = [end * step / _BINS for step in range(_BINS + 1)]
    with _Picture(figsize, "seconds", "calls") as (picture, axes):
        axes.hlines(range(len(spans)), *zip(*spans, strict=True), color="tab:blue", alpha=0.5)
        active = [sum(begin <= at <= stop for begin, stop in spans) for at in moments]
        axes.plot(moments, active, color="tab:orange", label="running at once")
        axes.legend(loc="best")
        return picture.save(destination(dst, "histogram"))


def create_energy(
    fs: Iterable[ResponseFuture],
    dst: str | os.PathLike[str] | None,
    figsize: tuple[float, float] = (10, 6),
) -> Path | None:
    """Draw what calls cost, in joules, and their sum; return the file, or None if unknown."""
    stats = sorted(ended(fs), key=lambda one: float(one["worker_end_tstamp"]))
    known = [one for one in stats if one.get("worker_func_energy_pkg") is not None]
    if not known:
        return None
    start = min(one["host_job_create_tstamp"] for one in stats)
    joules = [one["worker_func_energy_pkg"] for one in known]
    moments = [one["worker_end_tstamp"] - start for one in known]
    kinds = sorted({str(one["worker_func_energy_source"]) for one in known})
    with _Picture(figsize, "seconds", "joules") as (picture, axes):
        axes.scatter(moments, joules, s=8, color="tab:green", label=f"a call ({', '.join(kinds)})")
        axes.step(
            moments,
            list(itertools.accumulate(joules)),
            where="post",
            color="tab:orange",
            label="all calls so far",
        )
        axes.legend(loc="best")
        return picture.save(destination(dst, "energy"))


def ended(fs: Iterable[ResponseFuture]) -> list[Stats]:
    """Return the statistics of the calls that ended well.

    Raises:
        UsageError: there are none.
    """
    found = [future.stats for future in fs if future.done and not future.error]
    found = [stats for stats in found if "worker_end_tstamp" in stats]
    if not found:
        raise UsageError("there is nothing to plot: no call has ended without an error")
    return found


class _Picture:
    """One figure; matplotlib is imported when it is made, and no global state of it is used."""

    def __init__(self, size: Sequence[float], x: str, y: str) -> None:
        try:
            from matplotlib.figure import Figure  # noqa: PLC0415 - large, and an extra
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "plots need matplotlib: pip install 'greenlithops[plot]'", name=error.name
            ) from error
        self._figure = Figure(figsize=(size[0], size[1]), layout="constrained")
        self._axes = self._figure.subplots()
        self._axes.set_xlabel(x)
        self._axes.set_ylabel(y)
        self._axes.grid(visible=True, alpha=0.3)

    def __enter__(self) -> tuple[_Picture, Axes]:
        return self, self._axes

    def __exit__(self, *_: object) -> None:
        self._figure.clear()

    def save(self, path: Path) -> Path:
        """Write the figure, with the folder that it goes to."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._figure.savefig(path)
        return path
