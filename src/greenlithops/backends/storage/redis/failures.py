"""What Redis says went wrong, as errors of the one tree."""

from __future__ import annotations

import redis.exceptions as redis_errors

from greenlithops.errors import (
    AccessDenied,
    InvalidRange,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    PreconditionFailed,
    StorageError,
    StorageFull,
    StorageTimeout,
    StorageUnavailable,
)

#: what the scripts answer, and what they mean
CODES: dict[str, tuple[type[StorageError], str]] = {
    "NOBUCKET": (NoSuchBucket, "there is no such bucket"),
    "NOKEY": (NoSuchKey, "there is no such object"),
    "NOUPLOAD": (NoSuchUpload, "the upload is over"),
    "CONDITION": (PreconditionFailed, "the object is there, or another one, by now"),
    "CHANGED": (PreconditionFailed, "the object was replaced while it was read"),
    "NOTEMPTY": (StorageError, "the bucket is not empty"),
    "RANGE": (InvalidRange, "the range has no byte of the object, whose size is"),
}
#: what the server itself answers, by the beginning of its text
SERVER: dict[str, type[StorageError]] = {
    "BUSY": StorageUnavailable,
    "CLUSTERDOWN": StorageUnavailable,
    "LOADING": StorageUnavailable,
    "MASTERDOWN": StorageUnavailable,
    "MISCONF": StorageFull,  # it cannot write to its disk
    "NOAUTH": AccessDenied,
    "NOPERM": AccessDenied,
    "NOREPLICAS": StorageUnavailable,
    "OOM": StorageFull,
    "READONLY": StorageUnavailable,
    "TRYAGAIN": StorageUnavailable,
    "UNKILLABLE": StorageUnavailable,
    "WRONGPASS": AccessDenied,
}
#: the client's types, the most particular first; for some it drops the text's first word
TYPES: tuple[tuple[type[Exception], type[StorageError]], ...] = (
    (redis_errors.AuthenticationError, AccessDenied),
    (redis_errors.AuthorizationError, AccessDenied),
    (redis_errors.NoPermissionError, AccessDenied),
    (redis_errors.OutOfMemoryError, StorageFull),
    (redis_errors.ReadOnlyError, StorageUnavailable),
    (redis_errors.BusyLoadingError, StorageUnavailable),
    (redis_errors.TimeoutError, StorageTimeout),
    (redis_errors.ConnectionError, StorageUnavailable),
    (redis_errors.TryAgainError, StorageUnavailable),
    (redis_errors.ClusterDownError, StorageUnavailable),
    (redis_errors.MasterDownError, StorageUnavailable),
    (TimeoutError, StorageTimeout),
    (OSError, StorageUnavailable),
)


def failed(error: Exception, bucket: str, key: str | None) -> StorageError:
    """Return the error that one of the client stands for."""
    what = bucket if key is None else f"{bucket}/{key}"
    text = str(error) or type(error).__name__
    code, _, rest = text.partition(" ")
    if code in CODES and isinstance(error, redis_errors.ResponseError):
        kind, meaning = CODES[code]
        said = f"{meaning} {rest}".strip() if code == "RANGE" else meaning
        return kind(f"{what}: {said}", bucket=bucket, key=key)
    found = next((kind for type_, kind in TYPES if isinstance(error, type_)), None)
    return (found or SERVER.get(code, StorageError))(f"{what}: {text}", bucket=bucket, key=key)
