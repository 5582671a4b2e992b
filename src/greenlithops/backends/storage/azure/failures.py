"""What Azure says went wrong, as errors of the one tree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlithops.backends.storage.connections import where
from greenlithops.backends.storage.web import retry_after
from greenlithops.errors import (
    AccessDenied,
    BucketTaken,
    ChecksumMismatch,
    InvalidName,
    InvalidRange,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
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

_NAMES: dict[type[StorageError], str] = {
    NoSuchBucket: "ContainerNotFound ContainerDisabled",
    NoSuchKey: "BlobNotFound",
    NoSuchUpload: "InvalidBlockList",
    AccessDenied: (
        "AccountIsDisabled AuthenticationFailed AuthorizationFailure "
        "AuthorizationPermissionMismatch AuthorizationProtocolMismatch "
        "AuthorizationSourceIPMismatch InsufficientAccountPermissions InvalidAuthenticationInfo "
        "NoAuthenticationInformation PublicAccessNotPermitted"
    ),
    PreconditionFailed: (
        "BlobAlreadyExists ConditionNotMet SourceConditionNotMet TargetConditionNotMet"
    ),
    BucketTaken: "ContainerAlreadyExists",
    InvalidRange: "InvalidRange",
    InvalidName: "InvalidResourceName InvalidUri OutOfRangeInput",
    ChecksumMismatch: "Crc64Mismatch Md5Mismatch",
    NotSupported: "FeatureVersionMismatch UnsupportedHeader UnsupportedHttpVerb",
    StorageFull: "AccountQuotaExceeded",
    StorageThrottled: "ServerBusy",
    StorageTimeout: "OperationTimedOut",
    StorageUnavailable: "AccountBeingCreated ContainerBeingDeleted InternalError",
}
CODES = {code: kind for kind, codes in _NAMES.items() for code in codes.split()}
STATUSES: dict[int, type[StorageError]] = {
    304: PreconditionFailed,
    401: AccessDenied,
    403: AccessDenied,
    408: StorageTimeout,
    412: PreconditionFailed,
    416: InvalidRange,
    429: StorageThrottled,
    501: NotSupported,
    503: StorageThrottled,
    504: StorageTimeout,
}
NOT_FOUND, SERVER_ERROR = 404, 500
_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


#: parts of messages that tell more than the code, which Azurite leaves general
MESSAGES: dict[str, type[StorageError]] = {"contentmd5 doesn't match": ChecksumMismatch}


def failed(refusal: Refusal, bucket: str, key: str | None) -> StorageError:
    """Return the error that an answer stands for."""
    code = refusal.headers.get("x-ms-error-code") or _text(_CODE, refusal)
    kind = CODES.get(code) or STATUSES.get(refusal.status)
    if kind is None:
        said = _text(_MESSAGE, refusal).lower()
        kind = next((kind for text, kind in MESSAGES.items() if text in said), None)
    if kind is None and refusal.status == NOT_FOUND:
        kind = NoSuchBucket if key is None else NoSuchKey
    if kind is None:
        kind = StorageUnavailable if refusal.status >= SERVER_ERROR else StorageError
    told = ": ".join(filter(None, (code, _text(_MESSAGE, refusal)))) or f"HTTP {refusal.status}"
    text = f"{where(bucket, key)}: {told.strip()}"
    if issubclass(kind, StorageUnavailable):
        return kind(text, bucket=bucket, key=key, retry_after=retry_after(refusal.headers))
    return kind(text, bucket=bucket, key=key)


def _text(pattern: re.Pattern[bytes], refusal: Refusal) -> str:
    found = pattern.search(refusal.body)
    # The second line and what follows is the request's number.
    return found[1].decode(errors="replace").partition("\n")[0] if found else ""
