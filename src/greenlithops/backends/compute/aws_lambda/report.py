"""What Lambda says of an invocation at the end of its log: what is billed, and the memory."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

_REPORT = re.compile(
    r"REPORT RequestId: \S+\s+Duration: (?P<duration>[\d.]+) ms\s+"
    r"Billed Duration: (?P<billed>[\d.]+) ms\s+Memory Size: (?P<memory>\d+) MB\s+"
    r"Max Memory Used: (?P<used>\d+) MB(?:\s+Init Duration: (?P<init>[\d.]+) ms)?"
)


@dataclass(frozen=True, slots=True)
class Report:
    """The line ``REPORT`` of one invocation.

    Attributes:
        seconds: how long the handler ran.
        billed_seconds: what is billed.
        memory_mb: the memory setting.
        used_mb: the most that was used.
        init_seconds: how long the environment started; None if it was warm.
    """

    seconds: float
    billed_seconds: float
    memory_mb: int
    used_mb: int
    init_seconds: float | None


def log_tail(header: str | None) -> str:
    """Return the end of an invocation's log, from the header ``X-Amz-Log-Result``."""
    try:
        return base64.b64decode(header or "").decode("utf-8", "replace")
    except binascii.Error:
        return ""


def report(tail: str) -> Report | None:
    """Return what the end of a log reports; None if it has no such line."""
    found = None
    for found in _REPORT.finditer(tail):  # noqa: B007 - the last one; a call may print another
        pass
    if found is None:
        return None
    init = found["init"]
    return Report(
        float(found["duration"]) / 1000,
        float(found["billed"]) / 1000,
        int(found["memory"]),
        int(found["used"]),
        float(init) / 1000 if init else None,
    )
