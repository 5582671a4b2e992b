"""Batches as messages to services, and their replies as outcomes."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.batch import Outcomes
from greenlithops.monitoring.shared import SupportsNews
from greenlithops.worker import invocation
from greenlithops.worker.journal import FIELDS

if TYPE_CHECKING:
    from greenlithops.dispatch.batch import Batch
    from greenlithops.protocols import SupportsInvocations

PYTHON = tuple(sys.version_info[:2])  #: pickled functions need the same one


def wanted(backend: SupportsInvocations) -> dict[str, Any]:
    """Return what is wished for in every request to a service, which may ignore it."""
    wishes: dict[str, Any] = {}
    limits = backend.limits
    if limits.processes > 1:
        wishes["processes"] = limits.processes
    if limits.reply_bytes is not None:
        wishes["reply_bytes"] = limits.reply_bytes
    if isinstance(backend, SupportsNews) and backend.news is not None:
        wishes["news"] = backend.news
    return wishes


def packed(key: bytes, batch: Batch, wishes: dict[str, Any], *, image: bool) -> bytes:
    """Return the message that asks for the calls of a batch.

    Args:
        key: what messages are authenticated with.
        batch: the calls.
        wishes: what is wished for besides.
        image: whether the function and the classes that it needs come along.
    """
    function, definitions = batch.function, batch.work.book.definitions
    buffers: list[Any] = []
    classes = []
    if image:
        for digest, (stream, raw) in definitions.items():
            classes.append((digest, stream, len(raw)))
            buffers += raw
        buffers += function.image.buffers
    (_, _, blobs, counts), raw = batch.wire()
    content = (
        PYTHON,
        function.image.digest,
        (function.image.stream, len(function.image.buffers)) if image else None,
        function.wire_options,
        classes,
        blobs,
        counts,
        {**wishes, "classes": tuple(definitions)} if definitions else wishes,
    )
    return invocation.pack(key, invocation.REQUEST, content, [*buffers, *raw])


def outcomes_of(content: Any, raw: list[memoryview], offset: int) -> Outcomes:
    """Return the outcomes that a reply, or a part of it, tells.

    Args:
        content: what it says.
        raw: its buffers.
        offset: nanoseconds from this process' monotonic clock to the time since the epoch.
    """
    _, worker, cold, statuses, blobs, counts, times, logs, *more = content
    columns = _widened(array("q", times), len(blobs))
    for place in range(0, len(columns), FIELDS):
        columns[place] -= offset
    positions = more[0] if more else array("I", range(len(blobs))).tobytes()
    outcomes = Outcomes.from_wire(
        (positions, statuses, blobs, counts, columns.tobytes(), logs),
        [bytearray(part) for part in raw],
        worker,
    )
    outcomes.cold = cold
    return outcomes


def _widened(times: array[int], calls: int) -> array[int]:
    """Return calls' figures with as many for each as there are here: 0 stands for one not known."""
    width = len(times) // calls if calls else FIELDS
    if width == FIELDS:
        return times
    missing = [0] * max(0, FIELDS - width)
    rows = (times[width * call : width * (call + 1)] for call in range(calls))
    return array("q", [figure for row in rows for figure in (*row[:FIELDS], *missing)])
