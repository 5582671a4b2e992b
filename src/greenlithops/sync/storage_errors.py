"""Errors of storage under the names and with the constructors that Lithops' programs know."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ConfigurationError, NoSuchBucket, NoSuchKey

if TYPE_CHECKING:
    from collections.abc import Iterator


class StorageNoSuchKeyError(NoSuchKey):
    """There is no such object.

    Args:
        bucket: where it was looked for.
        key: its name.
    """

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(f"there is no object {key!r} in {bucket!r}", bucket=bucket, key=key)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.bucket, self.key), dict(self.__dict__)


class StorageNoSuchBucketError(StorageNoSuchKeyError, NoSuchBucket):
    """There is no such bucket, and so no object in it."""

    def __init__(self, bucket: str, key: str = "") -> None:
        NoSuchBucket.__init__(self, f"there is no bucket {bucket!r}", bucket=bucket, key=key)


class StorageConfigMismatchError(ConfigurationError):
    """What is looked for was written with another storage configuration.

    Args:
        current_path: the backend and the bucket of now.
        prev_path: the backend and the bucket of then.
    """

    def __init__(self, current_path: list[str], prev_path: list[str]) -> None:
        super().__init__(
            f"the data is in {prev_path}, but the storage is configured as {current_path}: "
            "configure it as it was, or make the data again"
        )
        self.current_path = current_path
        self.prev_path = prev_path

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.current_path, self.prev_path), dict(self.__dict__)


@contextmanager
def as_lithops(bucket: str = "", key: str = "") -> Iterator[None]:
    """Raise what is missing as `StorageNoSuchKeyError`.

    Args:
        bucket: what is asked about, where the error does not say.
        key: the object.
    """
    try:
        yield
    except StorageNoSuchKeyError:
        raise
    except NoSuchKey as error:
        raise StorageNoSuchKeyError(error.bucket or bucket, error.key or key) from error
    except NoSuchBucket as error:
        raise StorageNoSuchBucketError(error.bucket or bucket, error.key or key) from error
