"""What is common to storages without a service of their own: checks of names, rolled-up keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.errors import InvalidName

if TYPE_CHECKING:
    from greenlithops.objects import ListQuery

MAX_BUCKET_BYTES = 63
MAX_KEY_BYTES = 1024


def check_bucket(bucket: str) -> None:
    """Check that a name can be the one of a bucket.

    Raises:
        InvalidName: it is empty, longer than 63 bytes, or has a slash or a control character.
    """
    check_key(bucket, bucket)
    if len(bucket.encode()) > MAX_BUCKET_BYTES or "/" in bucket or not bucket.isprintable():
        raise InvalidName(
            f"a bucket's name has at most {MAX_BUCKET_BYTES} bytes and no slash, unlike {bucket!r}",
            bucket=bucket,
        )


def check_key(bucket: str, key: str) -> None:
    """Check that a name can be the one of an object.

    Raises:
        InvalidName: it is empty, longer than 1,024 bytes of UTF-8, or is not text.
    """
    if not isinstance(key, str) or not key:
        raise InvalidName(f"a name must be text that is not empty, not {key!r}", bucket=bucket)
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidName(f"{key!r} cannot be written as UTF-8", bucket=bucket) from error
    if size > MAX_KEY_BYTES:
        raise InvalidName(f"a name has at most {MAX_KEY_BYTES} bytes, not {size}", bucket=bucket)


def common_prefix(key: str, query: ListQuery) -> str | None:
    """Return the common prefix that a listing gives instead of a key; None for the key itself."""
    if not query.delimiter:
        return None
    position = key.find(query.delimiter, len(query.prefix))
    return None if position < 0 else key[: position + len(query.delimiter)]


def past(prefix: str) -> str:
    """Return a text that no key with this prefix comes after."""
    return prefix + "\U0010ffff"
