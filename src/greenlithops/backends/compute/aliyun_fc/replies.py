"""What Function Compute's answers to invocations mean."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from greenlithops.errors import (
    CallTimeout,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    WorkerLost,
)
from greenlithops.models import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT = re.compile(r"timed out after ([\d.]+) seconds", re.IGNORECASE)
_MEMORY = re.compile(r"out of memory|\bOOM", re.IGNORECASE)
_NOT_STARTED = {"ImportModuleError", "HandlerNotFound", "InvalidHandlerName", "ProtocolError"}


def read(headers: Mapping[str, str], body: bytes, name: str) -> Reply:
    """Return the reply in an answer with status 200.

    Args:
        headers: of the answer.
        body: its content.
        name: the function's.

    Raises:
        CallError: there is none; which, says why.
    """
    if "X-Fc-Error-Type" in headers:
        raise failure(headers["X-Fc-Error-Type"], body, name)
    duration = headers.get("X-Fc-Invocation-Duration")
    return Reply(body, float(duration) / 1000 if duration else None)


def failure(kind: str, body: bytes, name: str) -> Exception:
    """Return what a function's error means that did not come from a call."""
    try:
        content: Any = json.loads(body)
    except ValueError:
        content = None
    content = content if isinstance(content, dict) else {}
    message = str(content.get("errorMessage") or body[:2000].decode("utf-8", "replace"))
    kind = str(content.get("errorType") or kind)
    said = f"the function {name}: {kind}: {message}"
    if _TIMEOUT.search(message):
        return CallTimeout(f"{said}; give more runtime_timeout, or fewer calls at a time")
    if _MEMORY.search(said):
        return OutOfMemory(f"{said}; give more runtime_memory")
    if "ResponseSizeTooLarge" in said or "response body is too large" in message:
        return PayloadTooLarge(said)
    if kind in _NOT_STARTED:
        return ServiceRefused(said)
    return WorkerLost(said)
