"""What several storages do with names: check them, roll them up, hide their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.errors import InvalidName
from greenlithops.objects import Page

if TYPE_CHECKING:
    from greenlithops.objects import ListQuery

MAX_BUCKET_BYTES = 63
MAX_KEY_BYTES = 1024
PARTS = ".greenlithops-parts/"  #: what is kept of uploads where the service has no place for it


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


def without_parts(page: Page, query: ListQuery) -> Page:
    """Return a listing without what is below `PARTS`, unless that is what is listed."""
    if query.prefix.startswith(PARTS):
        return page
    objects = [info for info in page.objects if not info.key.startswith(PARTS)]
    return Page(objects, [name for name in page.prefixes if name != PARTS], page.token)


def past(prefix: str) -> str:
    """Return a text that no key with this prefix comes after."""
    return prefix + "\U0010ffff"
