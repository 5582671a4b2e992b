"""What the record of an activation says: a reply, or why there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.openwhisk.deployment import notes
from greenlithops.errors import (
    CallTimeout,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT = re.compile(r"exceeded its time limits")
_MEMORY = re.compile(r"exhausted its memory", re.IGNORECASE)
_TOO_LARGE = re.compile(r"(produced a response|response) .*(exceed|larger)", re.IGNORECASE)
_NOT_STARTED = re.compile(
    r"(?i)fail\w* to (pull|provision)|cannot (start|be initialized)|initializ"
)


def result(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the action returned.

    Raises:
        CallTimeout: it ran longer than it may.
        OutOfMemory: it used more memory than it may.
        PayloadTooLarge: OpenWhisk does not take what it returned.
        ServiceRefused: it cannot be started.
        ServiceUnavailable: OpenWhisk itself failed before it ran.
        WorkerLost: it ended without an answer.
    """
    response = record.get("response") or {}
    found = response.get("result")
    content = found if isinstance(found, dict) else {}
    if response.get("success") or response.get("status") == "success":
        return content
    error = content.get("error", found)
    said = f"activation {record.get('activationId', '?')}: {response.get('status')}: {error}"
    if _TIMEOUT.search(said):
        raise CallTimeout(f"{said}; give more runtime_timeout, or fewer calls at a time")
    if _MEMORY.search(said):
        raise OutOfMemory(f"{said}; give more runtime_memory")
    if _TOO_LARGE.search(said):
        raise PayloadTooLarge(said)
    if response.get("status") == "whisk internal error":
        raise ServiceUnavailable(said)
    if _NOT_STARTED.search(said):
        raise ServiceRefused(said)
    raise WorkerLost(said)


def seconds(record: Mapping[str, Any]) -> float | None:
    """Return how long an activation ran, as OpenWhisk says."""
    duration = record.get("duration")
    return None if duration is None else float(duration) / 1000


def start_seconds(record: Mapping[str, Any]) -> float | None:
    """Return how long its environment took to start; None if it was there."""
    initialized = notes(record).get("initTime")
    return None if initialized is None else float(initialized) / 1000
