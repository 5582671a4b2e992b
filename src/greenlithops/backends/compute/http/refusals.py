"""What HTTP statuses other than success mean for the calls of a request."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING, Any

from greenlithops.errors import (
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def refusal(status: int, headers: Mapping[str, Any], text: str) -> Exception:
    """Return what an HTTP status other than 200 means for the calls of a request."""
    text = f"HTTP {status} from {text}"
    if status == 429:  # noqa: PLR2004 - too many requests
        return Throttled(text, retry_after=seconds_to_wait(headers.get("Retry-After")))
    if status == 503:  # noqa: PLR2004 - service unavailable
        return ServiceUnavailable(text, retry_after=seconds_to_wait(headers.get("Retry-After")))
    if status == 413:  # noqa: PLR2004 - content too large
        return PayloadTooLarge(text)
    if status >= 500:  # noqa: PLR2004 - what was to run them failed, at any moment
        return WorkerLost(text)
    return ServiceRefused(text)


def seconds_to_wait(value: str | None) -> float | None:
    """Return what ``Retry-After`` asks for: seconds, or a moment; None if nothing sensible."""
    if not value:
        return None
    if value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
