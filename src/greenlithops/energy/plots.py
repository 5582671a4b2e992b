"""Pictures of energy, from the records of the log; matplotlib draws them, without a display.

Each function returns a matplotlib figure: `save` it, or show it in a notebook. Estimates are
hatched, and bounds are drawn wherever they are known, so that no bar looks surer than it is.
"""

from __future__ import annotations

import os
from collections import defaultdict
from importlib import import_module
from statistics import median
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ConfigurationError, NotEnoughEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from greenlithops.energy.log import LogRecord

#: Colours that people with any colour vision can tell apart (Okabe and Ito, 2008).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_IDLE = "#BBBBBB"
MOST_BARS = 5000  #: calls that a timeline can show
MOST_LETTERS = 40  #: of a name
MOST_NAMES = 20  #: functions that a bar chart can show


def timeline(samples: Sequence[LogRecord], records: Sequence[LogRecord] = ()) -> Figure:
    """Draw the machine's watts over time, its idle part, and below it the calls that ran.

    Args:
        samples: power over time, from a log or a `greenlithops.energy.trace.PowerTrace`
            (``sample.as_record()``); other records among them are passed over.
        records: calls, blocks and commands; each is a bar, in as few rows as there is room for.

    Raises:
        NotEnoughEvidence: there is no sample.
    """
    power = sorted(
        (r for r in samples if r.what == "sample" and r.joules is not None and r.window_s > 0),
        key=_start,
    )
    if not power:
        raise NotEnoughEvidence("there are no samples of power to draw")
    calls = sorted((r for r in records if r.what in {"call", "block", "command"}), key=_start)
    calls = calls[:MOST_BARS]
    zero = min(record.start for record in [*power[:1], *calls[:1]])
    figure, (above, below) = _figure(2 if calls else 1, heights=(2, 1))
    for label, colour, name in (("machine", COLOURS[0], "joules"), ("idle", _IDLE, "idle_joules")):
        joules = [getattr(record, name) for record in power]
        if None not in joules:
            watts = [value / r.window_s for value, r in zip(joules, power, strict=True)]
            edges = [record.start - zero for record in power] + [power[-1].end - zero]
            above.stairs(watts, edges, color=colour, fill=True, label=label)
    above.set_ylabel(f"watts ({power[0].kind})")
    above.set_ylim(bottom=0)
    above.legend(loc="upper left", bbox_to_anchor=(1, 1))
    if calls:
        _bars_of_calls(below, calls, zero)
    (below if calls else above).set_xlabel("seconds")
    return figure


def _bars_of_calls(axes: Axes, calls: Sequence[LogRecord], zero: float) -> None:
    colours = dict(zip(dict.fromkeys(call.name for call in calls), _endless(COLOURS), strict=False))
    free: list[float] = []  # when each row is free again
    for call in calls:
        row = next((i for i, end in enumerate(free) if end <= call.start), len(free))
        free[row : row + 1] = [call.end]
        axes.barh(
            row, max(call.window_s, 1e-6), left=call.start - zero, height=0.9,
            color=colours[call.name], edgecolor="white", linewidth=0.5,
        )  # fmt: skip
    axes.set_yticks([])
    axes.set_ylabel("calls")
    for name, colour in list(colours.items())[:MOST_NAMES]:
        axes.barh(0, 0, color=colour, label=_label(name))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")


def by_function(records: Iterable[LogRecord]) -> Figure:
    """Draw how many joules the calls of each function used, with their bounds.

    Raises:
        NotEnoughEvidence: no call has a figure.
    """
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for record in records:
        if record.what in {"call", "block", "command"} and record.joules is not None:
            row = sums[record.name, record.kind]
            low, high = record.joules_low, record.joules_high
            row[0] += record.joules
            row[1] += record.joules if low is None else low
            row[2] += record.joules if high is None else high
            row[3] += 1
    if not sums:
        raise NotEnoughEvidence("no call has a known energy to draw")
    most = sorted(sums.items(), key=lambda item: item[1][0])[-MOST_NAMES:]
    figure, (axes, _) = _figure(1)
    for place, ((_, kind), (joules, low, high, _)) in enumerate(most):
        axes.barh(place, joules, color=COLOURS[0], hatch=_hatch(kind), edgecolor="white")
        axes.plot([low, high], [place, place], color="black", linewidth=1)
    axes.set_yticks(
        range(len(most)),
        [f"{_label(name)}, {int(row[3]):,} ({kind})" for (name, kind), row in most],
    )
    axes.set_xlabel("joules above idle")
    return figure


def against_parallelism(records: Iterable[LogRecord]) -> Figure:
    """Draw joules and seconds of jobs against how many workers took part.

    Raises:
        NotEnoughEvidence: jobs of two different numbers of workers are needed.
    """
    points: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for record in records:
        if record.what == "job" and record.joules is not None and record.workers:
            idle = record.idle_joules or 0.0
            points[record.workers].append((record.joules + idle, record.window_s))
    if len(points) < 2:  # noqa: PLR2004 - one point shows nothing of a dependence
        raise NotEnoughEvidence("jobs with at least two different numbers of workers are needed")
    figure, (axes, _) = _figure(1)
    workers = sorted(points)
    joules = [median(j for j, _ in points[n]) for n in workers]
    seconds = [median(s for _, s in points[n]) for n in workers]
    (left,) = axes.plot(workers, joules, "o-", color=COLOURS[0], label="joules, idle included")
    axes.set_xlabel("workers")
    axes.set_ylabel("joules")
    axes.set_ylim(bottom=0)
    axes.set_xticks(workers)
    other = axes.twinx()
    (right,) = other.plot(workers, seconds, "s--", color=COLOURS[1], label="seconds")
    other.set_ylabel("seconds")
    other.set_ylim(bottom=0)
    axes.legend(handles=[left, right])
    return figure


def compare_methods(joules: Mapping[str, float | None], truth: float | None = None) -> Figure:
    """Draw what several methods or tools say of the same work.

    Args:
        joules: by method; what is None is shown as unknown, not as zero.
        truth: the joules that it was, if they are known.

    Raises:
        NotEnoughEvidence: no method has a figure.
    """
    if not any(value is not None for value in joules.values()):
        raise NotEnoughEvidence("no method has a figure to draw")
    figure, (axes, _) = _figure(1)
    for place, (_, value) in enumerate(joules.items()):
        if value is None:
            axes.text(0, place, " unknown", va="center")
        else:
            axes.barh(place, value, color=COLOURS[place % len(COLOURS)])
    axes.set_yticks(range(len(joules)), [_label(name) for name in joules])
    if truth is not None:
        axes.axvline(truth, color="black", linestyle="--", label=f"truth, {truth:.3g} J")
        axes.legend()
    axes.set_xlabel("joules")
    return figure


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure; the ending of the name says in which form (png, svg, pdf)."""
    figure.savefig(os.fspath(path))


def _figure(rows: int, heights: Sequence[int] = (1,)) -> tuple[Figure, tuple[Axes, Axes]]:
    """Return a figure that no window knows, and its axes: the one, or the upper and the lower."""
    try:
        figures = import_module("matplotlib.figure")
    except ImportError as error:
        raise ConfigurationError(
            "plots need matplotlib: pip install 'greenlithops[plot]'"
        ) from error
    figure: Any = figures.Figure(figsize=(8, 2.5 + 2 * rows), layout="constrained")
    axes = figure.subplots(rows, sharex=rows > 1, height_ratios=list(heights)[:rows])
    both = (axes[0], axes[1]) if rows > 1 else (axes, axes)
    for one in both:
        one.spines[["top", "right"]].set_visible(False)
    return figure, both


def _endless(colours: Sequence[str]) -> Iterable[str]:
    while True:
        yield from colours


def _label(name: str) -> str:
    """Return a name as one short line that matplotlib shows as it is.

    Two dollar signs would be a formula, and what begins with an underscore has no legend.
    """
    line = " ".join(name.split())
    if len(line) > MOST_LETTERS:
        line = line[: MOST_LETTERS - 1] + "…"
    return line.replace("$", r"\$").replace("_", " _", int(line.startswith("_")))


def _start(record: LogRecord) -> float:
    return record.start


def _hatch(kind: str) -> str | None:
    return None if kind == "measured" else "//"
