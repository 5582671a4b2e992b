"""Who is compared, what the figures mean, the goals, and how the table looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from summary import reached, times_better
from table import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from summary import Summary

OURS = "greenlithops"
HALF_OF = "aiobotocore"


@dataclass(frozen=True)
class Peer:
    """A client; without an environment, in the one that runs the benchmark.

    Attributes:
        label: its name in the table.
        adapter: the module in ``peers``.
        environment: as in the catalogue.
        fewer: of how many operations it does one, because it takes so long.
    """

    label: str
    adapter: str
    environment: str | None = None
    fewer: int = 1


PEERS = {
    OURS: Peer("greenlithops", "greenlithops_storage"),
    "lithops": Peer("Lithops Storage", "lithops_storage", "storage-lithops", fewer=4),
    "aiobotocore": Peer("aiobotocore", "aiobotocore_client", "storage-clients", fewer=2),
    "obstore": Peer("obstore", "obstore_client", "storage-clients"),
    "aiohttp": Peer("aiohttp, signed once", "aiohttp_bare", "storage-clients"),
}


@dataclass(frozen=True)
class Figure:
    """One figure of a client, and what ours shall be."""

    name: str
    title: str
    unit: str
    goal: float | None = None
    higher_is_better: bool = False


FIGURES = (
    Figure("get_rate", "get 4 KiB, 64 in flight", "/s", 1_200, higher_is_better=True),
    Figure("get_cpu", "  client CPU", "ms each", 0.6),
    Figure("put_rate", "put 4 KiB, 64 in flight", "/s", 900, higher_is_better=True),
    Figure("put_cpu", "  client CPU", "ms each", 0.7),
    Figure("head_rate", "head, 64 in flight", "/s", 1_800, higher_is_better=True),
    Figure("head_cpu", "  client CPU", "ms each", 0.5),
    Figure("list_seconds", "list 10,000 keys", "s", 0.5),
    Figure("list_cpu", "  client CPU", "s"),
    Figure("large_rate", "get 64 x 8 MiB, 16 in flight", "MB/s", 600, higher_is_better=True),
    Figure("large_cpu", "  client CPU", "ms each"),
)
GROWTH = 64.0  #: MiB by which a process may grow while it streams


def text(summaries: Mapping[str, Mapping[str, Summary]]) -> str:
    """Lay out the figures, one line each; in brackets how many times better ours are."""
    lines = [["", "", *(peer.label for peer in PEERS.values()), "goal"]]
    for figure in FIGURES:
        ours = summaries[OURS].get(figure.name)
        cells = [_cell(figure, summaries[peer].get(figure.name), ours) for peer in PEERS]
        lines.append([figure.title, figure.unit, *cells, _goal(figure, summaries)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)  # noqa: PLR2004 - title and unit
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cell(figure: Figure, theirs: Summary | None, ours: Summary | None) -> str:
    if theirs is None:
        return "-"
    if ours is None or theirs is ours:
        return number(theirs.median)
    better = figure.higher_is_better
    times = times_better(ours.median, theirs.median, higher_is_better=better)
    return number(theirs.median) + ("" if times is None else f" ({number(times)}x)")


def _goal(figure: Figure, summaries: Mapping[str, Mapping[str, Summary]]) -> str:
    ours = summaries[OURS].get(figure.name)
    goal = figure.goal
    if figure.name == "large_cpu" and figure.name in summaries[HALF_OF]:
        goal = summaries[HALF_OF][figure.name].median / 2
    if goal is None or ours is None:
        return ""
    met = reached(ours.median, goal, higher_is_better=figure.higher_is_better)
    return f"{number(goal)} {'✓' if met else '✗'}"


def stream_text(gibibytes: float, said: Mapping[str, Any]) -> str:
    """Say what the stream did."""
    if "failure" in said:
        return f"a stream of {gibibytes:g} GiB: {said['failure']}"
    up, down, growth = (said["figures"][name] for name in ("up", "down", "growth"))
    return (
        f"a stream of {gibibytes:g} GiB: {number(up)} MB/s up, {number(down)} MB/s down; the "
        f"process grew by {number(growth)} MiB (goal {GROWTH:g} {'✓' if growth < GROWTH else '✗'})"
    )


def failure(said: Mapping[str, Any]) -> str:
    """Say why a client gave no figures."""
    return f"{PEERS[said['peer']].label} failed: {said['failure']}"
