"""An external meter of PowerAPI: its power reports, as a CSV file or over a socket.

``GREENLITHOPS_POWERAPI`` says where they come. A path: ``PowerReport.csv``, which its CSV output
writes, with the columns ``timestamp`` (milliseconds), ``target``, ``power`` (watts), and maybe
``socket``. Or ``tcp://HOST:PORT``, where this listens for its socket output, one JSON object in
each line. Reports of the whole machine count: the target ``rapl`` (or ``global``, as formulas call
their sum). A report's watts hold from the report before it to its own moment.
"""

from __future__ import annotations

import csv
import json
import os
import socket
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.polled import PolledMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLE = "GREENLITHOPS_POWERAPI"
MACHINE = ("rapl", "global", "all")  #: targets that are the machine, the best first
_PATIENCE = 10.0  # seconds in which the first report must come
_LONGEST = 60.0  # seconds that one report may be of: after a pause nothing is known


class Integral:
    """Adds up the reports of the machine."""

    def __init__(self) -> None:
        self.joules = 0.0
        self.reports = 0
        self._target: int | None = None
        self._last: dict[str, float] = {}

    def add(self, report: Mapping[str, Any]) -> None:
        """Take one report; those of single processes and what is not a report are passed over."""
        try:
            rank = MACHINE.index(str(report["target"]))
            watts, moment = float(report["power"]), seconds(report["timestamp"])
        except (KeyError, ValueError, TypeError):
            return
        if self._target is not None and rank > self._target:
            return  # a better target tells the same energy
        if rank != self._target:
            self._target, self._last = rank, {}
        part = f"{report.get('sensor')}/{_socket(report)}"
        before = self._last.get(part)
        if before is not None and 0 < moment - before <= _LONGEST:
            self.joules += watts * (moment - before)
        self._last[part] = max(moment, before or moment)
        self.reports += 1


def _socket(report: Mapping[str, Any]) -> object:
    metadata = report.get("metadata")
    inner = metadata.get("socket") if isinstance(metadata, dict) else None
    return report.get("socket", inner)


def seconds(stamp: object) -> float:
    """Return a report's moment: milliseconds, or a date in ISO form.

    Raises:
        ValueError: it is neither.
    """
    text = str(stamp)
    try:
        return float(text) / 1000
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


class Stream(Protocol):
    """Where reports come from."""

    def new(self) -> Iterator[Mapping[str, Any]]:
        """Give the reports that have come since the last time."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class CsvFile:
    """A file that grows."""

    def __init__(self, path: str) -> None:
        self._file = open(path, newline="", encoding="utf-8")  # noqa: SIM115, PTH123 - kept open
        self._columns = next(csv.reader([self._file.readline()]), [])
        if not {"timestamp", "target", "power"} <= set(self._columns):
            self._file.close()
            raise MeterRefused(f"{path} is no file of power reports: {self._columns}")
        self._file.seek(0, os.SEEK_END)
        self._rest = ""

    def new(self) -> Iterator[Mapping[str, Any]]:
        """Give the rows that were written since the last time, whole ones only."""
        lines = (self._rest + self._file.read()).splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        yield from csv.DictReader(lines, self._columns)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Listener:
    """A socket that PowerAPI connects to."""

    def __init__(self, host: str, port: int) -> None:
        self._server = socket.create_server((host, port))
        self._server.setblocking(False)
        self.address: tuple[str, int] = self._server.getsockname()[:2]
        self._clients: dict[socket.socket, bytes] = {}

    def new(self) -> Iterator[Mapping[str, Any]]:
        """Give the reports that have arrived since the last time."""
        self._accept()
        for client in list(self._clients):
            yield from self._lines(client)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except BlockingIOError:
                return
            client.setblocking(False)
            self._clients[client] = b""

    def _lines(self, client: socket.socket) -> Iterator[Mapping[str, Any]]:
        data = self._clients[client]
        try:
            while part := client.recv(1 << 16):
                data += part
            client.close()
            del self._clients[client]
        except BlockingIOError:
            self._clients[client] = data.rpartition(b"\n")[2]
        except OSError:
            del self._clients[client]
        for line in data.split(b"\n"):
            try:
                report = json.loads(line)
            except ValueError:
                continue  # the rest of a line that has not come yet
            if isinstance(report, dict):
                yield report

    def close(self) -> None:
        """Close the sockets."""
        for held in (self._server, *self._clients):
            held.close()


class Reports:
    """The reports as a meter's source."""

    name = "powerapi"

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._sum = Integral()

    def ask(self) -> Mapping[str, float] | None:
        """Add up what has come; None when nothing has."""
        before = self._sum.reports
        for report in self._stream.new():
            self._sum.add(report)
        return {"package": self._sum.joules} if self._sum.reports > before else None

    @property
    def joules(self) -> float:
        """What there was in the reports so far."""
        return self._sum.joules

    def wait(self, patience: float) -> None:
        """Wait for the first report of the machine.

        Raises:
            MeterRefused: there is none in time.
        """
        deadline = time.monotonic() + patience
        while self.ask() is None:
            if time.monotonic() > deadline:
                raise MeterRefused(f"no report of the machine has come in {patience:g} s")
            time.sleep(0.05)

    def close(self) -> None:
        """Close where they come from."""
        self._stream.close()


class _First:
    """A source whose first report has been taken already."""

    def __init__(self, reports: Reports) -> None:
        self.name = reports.name
        self._reports = reports
        self._begun = False
        self.close = reports.close

    def ask(self) -> Mapping[str, float] | None:
        """Answer at once the first time."""
        if not self._begun:
            self._begun = True
            return {"package": self._reports.joules}
        return self._reports.ask()


def open_meter(
    place: str | None = None, period: float = 0.5, patience: float = _PATIENCE
) -> PolledMeter:
    """Listen to PowerAPI.

    Args:
        place: a path or a ``tcp://`` address; by default what ``GREENLITHOPS_POWERAPI`` says.
        period: seconds between two looks at what has come.
        patience: seconds in which the first report must come.

    Raises:
        MeterRefused: no place is known, or no report comes.
    """
    place = place or os.environ.get(VARIABLE)
    if not place:
        raise MeterRefused(f"{VARIABLE} does not say where PowerAPI's reports are")
    url = urlsplit(place)
    try:
        stream: Stream = (
            Listener(url.hostname or "localhost", url.port or 0)
            if url.scheme == "tcp"
            else CsvFile(place)
        )
    except OSError as error:
        raise MeterRefused(f"{place}: {error.strerror}") from error
    reports = Reports(stream)
    try:
        reports.wait(patience)
    except BaseException:
        reports.close()
        raise
    return PolledMeter(_First(reports), period=period)
