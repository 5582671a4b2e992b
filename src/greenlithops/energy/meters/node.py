"""One meter for each node: what one process reads, all others on it can see.

Processes that may read the counters do so themselves: it costs microseconds, and at the edges of
their calls no page could tell them the same. One of them, who holds the lock of a file, also tells
each sample through a page of memory. Those who may not read the counters (unprivileged users and
containers that are given the folder) follow that page. When the one who tells it ends, however it
does, the kernel drops its lock, and the next one goes on from where the page ended.

The folder is ``GREENLITHOPS_RUNTIME_DIR``, else ``$XDG_RUNTIME_DIR/greenlithops``, else one in
``/tmp`` that is the user's alone, and in these one for each sysfs that counters are read from, so
that nobody takes emulated counters for the machine's. What others than the user or root may write
is not believed. Readers of other users see the page only in a folder that was named; note that
fine-grained energy readings of other users' programs leak secrets (CVE-2020-8694), though not at
ten samples a second.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from greenlithops.energy.meters import MeterRefused, sysfs
from greenlithops.energy.meters.page import MAX_DOMAINS, Page, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.protocols import EnergyKind, EnergyMeter

VARIABLE = "GREENLITHOPS_RUNTIME_DIR"
INTERVAL = 0.1  #: seconds between two samples of the page while it is followed
_NS = 1_000_000_000
_DEMAND_NS = 3 * _NS  # for how long a follower asks for samples
_STALE_NS = 5 * _NS  # a sample that is older is no answer
_SILENT_NS = 3 * _NS // 2  # samples come every second at least
_MOST_NOTES = 8  # that are passed on
_RETRY_NS = _NS // 2  # between two attempts at the lock


def runtime_folder(*, make: bool = True) -> str:
    """Return the folder for what the processes of a node share.

    Args:
        make: whether to make it if need be.

    Raises:
        OSError: it is not there or cannot be made, or others than the user or root may write to it.
    """
    shared = os.environ.get("XDG_RUNTIME_DIR", "")
    if given := os.environ.get(VARIABLE):
        return _trusted(given, 0o755, make=make)
    own = f"/tmp/greenlithops-{os.geteuid()}"  # noqa: S108 - it is checked
    # no pathlib for one question
    folder = f"{shared}/greenlithops" if os.path.isdir(shared) else own  # noqa: PTH112
    _trusted(folder, 0o700, make=make)
    if sysfs() == "/sys":
        return folder
    from zlib import crc32  # noqa: PLC0415 - for counters that are not the machine's own

    return _trusted(f"{folder}/{crc32(sysfs().encode()):x}", 0o700, make=make)


def _trusted(folder: str, mode: int, *, make: bool) -> str:
    if make:
        with suppress(FileExistsError):
            os.mkdir(folder, mode)  # noqa: PTH102 - as above
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, os.geteuid()):
        raise PermissionError(f"{folder} is not a folder of this user or of root")
    if found.st_mode & stat.S_IWOTH:
        raise PermissionError(f"{folder} may be written to by everybody")
    return folder


class Publisher:
    """Tells the samples of a meter to the other processes of the node, if nobody else does.

    Args:
        meter: whose samples they are.
        folder: where the lock and the page are; by default `runtime_folder`.
        idle_watts: what the machine burns doing nothing, by domain, where the meter does not know.

    Raises:
        OSError: the folder or its files cannot be used.
    """

    def __init__(
        self,
        meter: EnergyMeter,
        folder: str | None = None,
        *,
        idle_watts: Mapping[str, float] | None = None,
    ) -> None:
        folder = folder or runtime_folder()
        self._meter = meter
        self._idle_watts = meter.idle_watts or idle_watts
        self._path = f"{folder}/meter.page"
        self._mode = 0o644 if os.environ.get(VARIABLE) else 0o600
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._lock = os.open(f"{folder}/meter.lock", flags, 0o600)
        self._page: Page | None = None
        self._tried = 0
        self._shift: tuple[float, ...] = ()
        self._said: tuple[object, ...] = ()
        self._lost = 0.0  # seconds of the node that nobody has told
        #: the latest samples before it was elected
        self._history: deque[tuple[int, tuple[float, ...]]] = deque(maxlen=64)

    @property
    def elected(self) -> bool:
        """Whether this is the one who tells."""
        return self._page is not None

    def tell(self, now_ns: int, joules: Mapping[str, float]) -> None:
        """Tell a sample, or try to become the one who does."""
        row = tuple(joules[domain] for domain in self._meter.domains)
        if self._page is None:
            self._history.append((now_ns, row))
            if now_ns - self._tried < _RETRY_NS or len(row) > MAX_DOMAINS:
                return
            self._tried = now_ns
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._page = Page(self._path, make=self._mode)
            except OSError:
                return
            self._begin(self._page, row)
        elif (self._meter.notes, self._meter.bounds) != self._said:
            self._describe(self._page)
        total = tuple(a + b for a, b in zip(row, self._shift, strict=True))
        self._page.write(Sample(now_ns, total))

    def _begin(self, page: Page, row: tuple[float, ...]) -> None:
        """Go on from where the page ended, if it was of the same domains."""
        before, last = page.description(), page.read()
        same = before is not None and before.get("domains") == list(self._meter.domains)
        if last is not None and same:
            then = _at(last.moment_ns, list(self._history))
            self._shift = tuple(a - b for a, b in zip(last.joules, then, strict=False))
            self._lost = max(0.0, (self._history[0][0] - last.moment_ns) / _NS)
        else:
            self._shift = tuple(-joules for joules in row)
        self._describe(page)

    def _describe(self, page: Page) -> None:
        notes, bounds = self._meter.notes, self._meter.bounds
        self._said = notes, bounds
        lost = (f"nobody read it for {self._lost:.2g} s",) if self._lost else ()
        page.describe(
            {
                "name": self._meter.name,
                "kind": self._meter.kind,
                "domains": list(self._meter.domains),
                "totals": list(self._meter.totals),
                "bounds": list(bounds),
                "idle_watts": dict(self._idle_watts) if self._idle_watts else None,
                "notes": [*lost, *notes[-_MOST_NOTES:]],
            }
        )

    def interval(self) -> float:
        """Return the seconds within which followers want a sample; infinite if there are none."""
        wanted = self._page.wanted(time.monotonic_ns()) if self._page is not None else None
        return wanted / _NS if wanted else float("inf")

    def close(self) -> None:
        """Tell no more; somebody else may."""
        if self._page is not None:
            self._page.leave()
            self._page.close()
            self._page = None
        os.close(self._lock)


def _at(moment_ns: int, history: list[tuple[int, tuple[float, ...]]]) -> tuple[float, ...]:
    """Return what the own meter said when the page ended, so that nothing in between is missing."""
    later = next((k for k, (when, _) in enumerate(history) if when >= moment_ns), len(history) - 1)
    (start, before), (end, after) = history[max(0, later - 1)], history[later]
    part = (moment_ns - start) / (end - start) if end > start else 1.0
    part = min(1.0, max(0.0, part))
    return tuple(a + (b - a) * part for a, b in zip(before, after, strict=True))


class NodeMeter:
    """Follows what another process of the node tells.

    Between two samples, power is taken to be what it was; the next sample sets that right.

    Args:
        page: where it tells it; closed with the meter.

    Raises:
        MeterRefused: nobody tells anything.
    """

    max_interval = 1.0
    update_period = INTERVAL

    def __init__(self, page: Page) -> None:
        self._page = page
        facts, sample = page.description(), page.read()
        now = time.monotonic_ns()
        gone = sample is None or page.left or now - sample.moment_ns > 2 * _SILENT_NS
        if facts is None or sample is None or gone:
            page.close()
            raise MeterRefused("no process of this node reads a meter now")
        page.want(now + _DEMAND_NS, int(INTERVAL * _NS))
        self.name = f"node:{facts['name']}"
        self.kind: EnergyKind = facts["kind"]
        self.domains: tuple[str, ...] = tuple(facts["domains"])
        self.totals: tuple[str, ...] = tuple(facts["totals"])
        self.idle_watts: Mapping[str, float] | None = facts["idle_watts"]
        self._facts, self._text = facts, page.text
        self._silent = 0.0  # seconds since the last sample, where that is too long ago
        self._first = self._last = sample
        self._watts = (0.0,) * len(self.domains)
        self._told = dict.fromkeys(self.domains, 0.0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of its figures must know."""
        silent = (
            f"its last sample is {self._silent:.2g} s old: what was burned since is missing"
            if self._silent
            else ""
        )
        own = "read by another process of this node"
        return tuple(filter(None, (own, *self._facts.get("notes", ()), silent)))

    @property
    def bounds(self) -> tuple[float, float]:
        """What the true joules are at least and at most, as factors."""
        low, high = self._facts["bounds"]
        return low, float("inf") if self._silent else high

    def read(self) -> Mapping[str, float]:
        """Return joules by domain since the page was first read.

        Raises:
            OSError: nobody has told anything for seconds, or another kind of meter has taken over.
        """
        now, sample = time.monotonic_ns(), self._page.read() or self._last
        self._page.want(now + _DEMAND_NS, int(INTERVAL * _NS))
        age = now - sample.moment_ns
        if age > _STALE_NS:
            raise OSError("the process that read the node's meter has ended, and no other has come")
        self._silent = age / _NS if age > _SILENT_NS else 0.0
        if self._page.text != self._text:
            self._hear()
        if sample.moment_ns > self._last.moment_ns:
            span = (sample.moment_ns - self._last.moment_ns) / _NS
            pairs = zip(sample.joules, self._last.joules, strict=True)
            self._watts = tuple(max(0.0, (new - old) / span) for new, old in pairs)
            self._last = sample
        ahead = min((now - sample.moment_ns) / _NS, INTERVAL)
        for place, domain in enumerate(self.domains):
            joules = sample.joules[place] - self._first.joules[place] + self._watts[place] * ahead
            self._told[domain] = max(self._told[domain], joules)
        return dict(self._told)

    def _hear(self) -> None:
        """Take what is said anew of the meter."""
        text, facts = self._page.text, self._page.description()
        if facts is None:  # it is being written
            return
        if tuple(facts["domains"]) != self.domains:
            raise OSError(f"the node's meter is another one now: {facts['name']}")
        self._facts, self._text = facts, text

    def close(self) -> None:
        """Let go of the page."""
        self._page.close()


def open_meter(folder: str | None = None) -> NodeMeter:
    """Follow the meter that another process of this node reads.

    Args:
        folder: where its page is; by default `runtime_folder`.

    Raises:
        MeterRefused: there is none, or it is not to be trusted.
    """
    try:
        page = Page(f"{folder or runtime_folder(make=False)}/meter.page")
    except FileNotFoundError:
        raise MeterRefused("no process of this node reads a meter") from None
    except OSError as error:
        raise MeterRefused(str(error)) from error
    return NodeMeter(page)
