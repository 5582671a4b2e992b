"""What Google Cloud Storage says went wrong, as errors of the one tree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from greenlithops.backends.storage.connections import where
from greenlithops.backends.storage.web import full_disk, retry_after
from greenlithops.errors import (
    AccessDenied,
    BucketTaken,
    ChecksumMismatch,
    InvalidName,
    InvalidRange,
    NoSuchBucket,
    NoSuchKey,
    NotSupported,
    PreconditionFailed,
    StorageError,
    StorageFull,
    StorageThrottled,
    StorageTimeout,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from greenlithops.backends.storage.web import Refusal

STATUSES: dict[int, type[StorageError]] = {
    304: PreconditionFailed,
    401: AccessDenied,
    403: AccessDenied,
    405: NotSupported,
    408: StorageTimeout,
    409: BucketTaken,
    412: PreconditionFailed,
    416: InvalidRange,
    429: StorageThrottled,
    501: NotSupported,
    504: StorageTimeout,
    507: StorageFull,
}
#: reasons that tell more than the status that they come with
REASONS: dict[str, type[StorageError]] = {
    "rateLimitExceeded": StorageThrottled,
    "userRateLimitExceeded": StorageThrottled,
    "quotaExceeded": StorageThrottled,
}
BAD_REQUEST, NOT_FOUND, SERVER_ERROR = 400, 404, 500
#: parts of messages by status, in lower case; that of what is not found has the object's name in it
MESSAGES: dict[int, dict[str, type[StorageError]]] = {
    BAD_REQUEST: {
        "bucket does not exist": NoSuchBucket,
        "invalid bucket name": InvalidName,
        "object name": InvalidName,
        "crc32c": ChecksumMismatch,
        "md5": ChecksumMismatch,
    },
    NOT_FOUND: {"bucket does not exist": NoSuchBucket},
}


def failed(refusal: Refusal, bucket: str, key: str | None) -> StorageError:
    """Return the error that an answer stands for."""
    status = refusal.status
    reason, said = _said(refusal)
    kind = REASONS.get(reason) or STATUSES.get(status)
    if status in MESSAGES:
        lower = said.lower()
        kind = next((kind for text, kind in MESSAGES[status].items() if text in lower), None)
    if status >= SERVER_ERROR and full_disk(said):
        kind = StorageFull
    if kind is None and status == NOT_FOUND:
        kind = NoSuchBucket if key is None else NoSuchKey
    if kind is None:
        kind = StorageUnavailable if status >= SERVER_ERROR else StorageError
    text = f"{where(bucket, key)}: {said or f'HTTP {status}'}"
    if issubclass(kind, StorageUnavailable):
        return kind(text, bucket=bucket, key=key, retry_after=retry_after(refusal.headers))
    return kind(text, bucket=bucket, key=key)


def _said(refusal: Refusal) -> tuple[str, str]:
    """Return the reason's name and the message of an answer."""
    text = refusal.body.decode(errors="replace").strip()
    try:
        error: Any = json.loads(text)["error"]
        errors = error.get("errors") or [{}]
        return errors[0].get("reason", ""), error.get("message", "")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return "", text[:200]  # media requests are answered in plain text
