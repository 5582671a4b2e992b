"""What Function Compute's answers to invocations mean."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.http.backend import refusal
from greenlithops.errors import (
    CallTimeout,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    WorkerLost,
)
from greenlithops.models import Reply

if TYPE_CHECKING:
    from greenlithops.backends.compute.services import Answer

_TIMEOUT = re.compile(r"timed out after ([\d.]+) seconds", re.IGNORECASE)
_MEMORY = re.compile(r"out of memory|\bOOM", re.IGNORECASE)
_NOT_STARTED = {"ImportModuleError", "HandlerNotFound", "InvalidHandlerName", "ProtocolError"}


def read(answer: Answer, name: str) -> Reply:
    """Return the reply in an answer.

    Args:
        answer: what the service answered.
        name: the function's.

    Raises:
        CallError: there is none; which, says why.
    """
    if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
        raise refusal(answer.status, answer.headers, f"{name}: {answer.text()}")
    if "X-Fc-Error-Type" in answer.headers:
        raise failure(answer, name)
    duration = answer.headers.get("X-Fc-Invocation-Duration")
    return Reply(answer.body, float(duration) / 1000 if duration else None)


def failure(answer: Answer, name: str) -> Exception:
    """Return what a function's error means that did not come from a call."""
    try:
        content: Any = json.loads(answer.body)
    except ValueError:
        content = None
    content = content if isinstance(content, dict) else {}
    message = str(content.get("errorMessage") or answer.text())
    kind = str(content.get("errorType") or answer.headers["X-Fc-Error-Type"])
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
