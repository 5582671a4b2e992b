"""What of a job is kept in storage, and under which names; pure.

Below ``greenlithops.jobs/<job id>/``:

``plan``            what is called, and how
``input/<n>``       arguments of calls, in segments
``end``             how many calls there are, once the input has ended
``lease``           who runs the calls; renewed every few seconds
``epochs/<e>``      which outcomes of earlier owners the owner of epoch e has taken over
``done/<e>/<n>``    outcomes of calls that the owner of epoch e ran, in segments
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

PREFIX = "greenlithops.jobs/"

Stream = tuple[bytes, list[bytes]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job calls, and how."""

    name: str
    function: Stream
    digest: bytes
    classes: dict[bytes, Stream]  #: the user's own, by digest
    is_async: bool
    timeout: float | None
    environment: tuple[tuple[str, str], ...]
    policy: bytes  #: the pickled retry policy, whose filter may be a function
    directory: str
    path: list[str]


@dataclass(frozen=True, slots=True)
class Arguments:
    """What one call is called with."""

    index: int
    blob: bytes
    buffers: list[bytes]


@dataclass(frozen=True, slots=True)
class Ended:
    """How one call ended; `start` is in nanoseconds since the epoch."""

    index: int
    status: int
    blob: bytes
    buffers: list[bytes]
    start: int
    times: tuple[int, ...]  #: the fields of the ledger after the start; none if it never ran
    worker: str
    attempts: int
    logs: str


def plan_name(job: str) -> str:
    """Return the key of a job's plan."""
    return f"{PREFIX}{job}/plan"


def end_name(job: str) -> str:
    """Return the key of the number of calls."""
    return f"{PREFIX}{job}/end"


def lease_name(job: str) -> str:
    """Return the key of a job's lease."""
    return f"{PREFIX}{job}/lease"


def input_name(job: str, number: int) -> str:
    """Return the key of a segment of arguments."""
    return f"{PREFIX}{job}/input/{number:08d}"


def epoch_name(job: str, epoch: int) -> str:
    """Return the key of what an owner has taken over."""
    return f"{PREFIX}{job}/epochs/{epoch:06d}"


def done_name(job: str, epoch: int, number: int) -> str:
    """Return the key of a segment of outcomes."""
    return f"{PREFIX}{job}/done/{epoch:06d}/{number:08d}"


def epoch_of(done: str) -> int:
    """Return the epoch of a segment of outcomes."""
    return int(done.rsplit("/", 2)[1])


def encode(value: Any) -> bytes:
    """Return plain values, or records of this module in lists, as bytes."""
    return pickle.dumps(_plain(value), 5)


def _plain(value: Any) -> Any:
    if isinstance(value, (Plan, Arguments, Ended)):
        return tuple(getattr(value, name) for name in value.__slots__)
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def decode_plan(body: memoryview) -> Plan:
    """Return a plan; the bytes must be authentic."""
    fields = pickle.loads(body)
    return Plan(*fields)


def decode_input(body: memoryview) -> tuple[dict[bytes, Stream], list[Arguments]]:
    """Return a segment of arguments, and the classes in it; the bytes must be authentic."""
    classes, entries = pickle.loads(body)
    return classes, [Arguments(*fields) for fields in entries]


def decode_done(body: memoryview) -> list[Ended]:
    """Return a segment of outcomes; the bytes must be authentic."""
    return [Ended(*fields) for fields in pickle.loads(body)]


def decode_plain(body: memoryview) -> Any:
    """Return a plain value; the bytes must be authentic."""
    return pickle.loads(body)


def counted(done: list[str], epoch: int, adopted: list[str]) -> list[str]:
    """Return the segments of outcomes that count, in order.

    What an owner still wrote after another one had taken over does not.

    Args:
        done: all segments that there are.
        epoch: the one of the last owner.
        adopted: what that owner took over.
    """
    taken = set(adopted)
    return sorted(name for name in done if name in taken or epoch_of(name) == epoch)
