"""What S3 says went wrong, as errors of the one tree."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from greenlithops.backends.storage.s3.documents import texts
from greenlithops.backends.storage.web import full_disk, retry_after
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
    from collections.abc import Mapping

_NAMES: dict[type[StorageError], str] = {
    NoSuchBucket: "NoSuchBucket",
    NoSuchKey: "NoSuchKey NoSuchVersion",
    NoSuchUpload: "NoSuchUpload",
    AccessDenied: (
        "AccessDenied AccountProblem AllAccessDisabled AuthorizationHeaderMalformed ExpiredToken "
        "InvalidAccessKeyId InvalidSecurity InvalidToken NotSignedUp RequestExpired "
        "RequestTimeTooSkewed SignatureDoesNotMatch TokenRefreshRequired Unauthorized"
    ),
    PreconditionFailed: "PreconditionFailed",
    BucketTaken: "BucketAlreadyExists BucketAlreadyOwnedByYou",
    InvalidRange: "InvalidRange",
    InvalidName: (
        "InvalidBucketName InvalidObjectName InvalidURI KeyTooLong KeyTooLongError "
        "XMinioInvalidObjectName XMinioInvalidResourceName XMinioObjectExistsAsDirectory "
        "XMinioParentIsObject"
    ),
    StorageFull: "InsufficientStorage QuotaExceeded XMinioStorageFull",
    ChecksumMismatch: (
        "BadDigest InvalidDigest XAmzContentChecksumMismatch XAmzContentSHA256Mismatch"
    ),
    NotSupported: "MethodNotAllowed NotImplemented",
    StorageThrottled: (
        "BandwidthLimitExceeded RequestLimitExceeded SlowDown SlowDownRead SlowDownWrite "
        "Throttling ThrottlingException TooManyRequests XMinioServerNotInitialized"
    ),
    StorageTimeout: "RequestTimeout",
    StorageUnavailable: (
        "ConditionalRequestConflict IncompleteBody InternalError OperationAborted "
        "ServiceUnavailable"
    ),
}
CODES = {code: kind for kind, codes in _NAMES.items() for code in codes.split()}

STATUSES: dict[int, type[StorageError]] = {
    401: AccessDenied,
    403: AccessDenied,
    405: NotSupported,
    408: StorageTimeout,
    412: PreconditionFailed,
    416: InvalidRange,
    429: StorageThrottled,
    501: NotSupported,
    503: StorageThrottled,
    504: StorageTimeout,
    507: StorageFull,
}
SERVER_ERROR = 500
NOT_FOUND = 404


def answered(
    status: int,
    headers: Mapping[str, str],
    document: Mapping[str, str],
    bucket: str,
    key: str | None,
) -> StorageError:
    """Return the error that an answer stands for.

    Args:
        status: of HTTP.
        headers: of the answer.
        document: the texts of the XML that came with it, by name; empty if there was none.
        bucket: what was asked for.
        key: the object, or None if it was the bucket.
    """
    code = document.get("Code", "")
    kind = CODES.get(code) or STATUSES.get(status)
    if status >= SERVER_ERROR and full_disk(document.get("Message", "")):
        kind = StorageFull
    if kind is None:
        kind = StorageUnavailable if status >= SERVER_ERROR else StorageError
        if status == NOT_FOUND and not code:
            kind = NoSuchKey if key else NoSuchBucket
    said = ": ".join(filter(None, (code, document.get("Message")))) or f"HTTP {status}"
    what = f"{bucket}/{key}" if key else bucket
    if issubclass(kind, StorageUnavailable):
        wait = retry_after(headers)
        return kind(f"{what}: {said}", bucket=bucket, key=key, retry_after=wait)
    return kind(f"{what}: {said}", bucket=bucket, key=key)


def document_of(data: bytes) -> dict[str, str]:
    """Return the texts of an error's XML by name; none if it is something else."""
    try:
        return texts(ET.fromstring(data))  # noqa: S314 - expat refuses entities that grow
    except ET.ParseError:
        return {}  # a proxy's page, or nothing: the status tells enough
