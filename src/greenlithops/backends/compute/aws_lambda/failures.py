"""What Lambda's errors mean for the calls of an invocation."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.aws_lambda.report import report
from greenlithops.backends.compute.http.refusals import seconds_to_wait
from greenlithops.errors import (
    CallTimeout,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: nothing was run, and it may be taken later
_LATER = {
    "EC2ThrottledException",
    "EFSMountTimeoutException",
    "ENILimitReachedException",
    "ResourceConflictException",
    "ResourceNotReadyException",
    "ServiceQuotaExceededException",
    "SnapStartNotReadyException",
    "SubnetIPAddressLimitReachedException",
}
#: of credentials that were good some time ago
EXPIRED = {"ExpiredTokenException", "ExpiredToken", "RequestExpired"}
_TIMEOUT = re.compile(r"Task timed out after ([\d.]+) seconds")
_STATUS = re.compile(r"exit status (\d+)")
_SIGNAL = re.compile(r"signal: (\w+)")
_SIGNALS = {"killed": signal.SIGKILL, "terminated": signal.SIGTERM, "aborted": signal.SIGABRT}
_NOT_STARTED = {
    "Runtime.ImportModuleError",
    "Runtime.HandlerNotFound",
    "Runtime.UserCodeSyntaxError",
}


def error_type(headers: Mapping[str, str], text: str) -> str:
    """Return the name of the error that a refusal carries, or ""."""
    name = headers.get("X-Amzn-ErrorType") or headers.get("x-amzn-errortype") or ""
    if not name:
        try:
            content = json.loads(text)
        except ValueError:
            return ""
        name = str(content.get("__type", "")) if isinstance(content, dict) else ""
    return name.partition(":")[0].rpartition("#")[2]


def refusal(status: int, headers: Mapping[str, str], text: str, name: str) -> Exception:
    """Return what an HTTP status other than 200 means.

    Args:
        status: the status.
        headers: of the reply.
        text: its body.
        name: the function's.
    """
    kind = error_type(headers, text)
    said = f"Lambda, asked to run {name}, answered {status} {kind}: {_message(text)}"
    if status == 429 or kind == "TooManyRequestsException":  # noqa: PLR2004 - too many requests
        return Throttled(said, retry_after=seconds_to_wait(headers.get("Retry-After")))
    if kind in _LATER or status == 503:  # noqa: PLR2004 - service unavailable
        return ServiceUnavailable(said)
    if status == 413 or kind == "RequestTooLargeException":  # noqa: PLR2004 - content too large
        return PayloadTooLarge(said)
    if status >= 500:  # noqa: PLR2004 - what was to run them failed, at any moment
        return WorkerLost(said)
    return ServiceRefused(said)


def failure(payload: bytes, tail: str) -> Exception:
    """Return what a function's error means that did not come from a call.

    Args:
        payload: the reply: JSON with the error's type and message.
        tail: the end of the log.
    """
    try:
        content: Any = json.loads(payload)
    except ValueError:
        content = None
    content = content if isinstance(content, dict) else {}
    message = str(content.get("errorMessage") or payload[:500].decode("utf-8", "replace"))
    kind = str(content.get("errorType") or "")
    if late := _TIMEOUT.search(message):
        return CallTimeout(
            f"the function ran longer than its {float(late[1]):g} seconds and was stopped; give "
            "more runtime_timeout, or fewer calls at a time"
        )
    if kind == "Function.ResponseSizeTooLarge":
        return PayloadTooLarge(f"the results are too large for a reply of Lambda: {message}")
    if kind in _NOT_STARTED:
        return ServiceRefused(f"the function cannot be started ({kind}): {message}")
    return _lost(kind, message, tail)


def _lost(kind: str, message: str, tail: str) -> Exception:
    status, by = _STATUS.search(message), _SIGNAL.search(message)
    number = None if by is None else _SIGNALS.get(by[1])
    said = report(tail)
    if kind == "Runtime.OutOfMemory" or (
        number == signal.SIGKILL and said is not None and said.used_mb >= said.memory_mb
    ):
        memory = f" of {said.memory_mb} MB" if said is not None else ""
        return OutOfMemory(
            f"the function used all its memory{memory}; give more runtime_memory", signal=number
        )
    return WorkerLost(
        f"the function's process ended ({kind or 'no reason is known'}): {message}",
        exit_code=int(status[1]) if status else None,
        signal=number,
    )


def _message(text: str) -> str:
    try:
        content = json.loads(text)
    except ValueError:
        return text[:500]
    if not isinstance(content, dict):
        return text[:500]
    return str(content.get("Message") or content.get("message") or text)[:500]
