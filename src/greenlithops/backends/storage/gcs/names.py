"""Where things are in Google Cloud Storage, and what their names may be."""

from __future__ import annotations

from urllib.parse import quote

from greenlithops.backends.storage.names import check_key
from greenlithops.errors import InvalidName, UsageError


def checked_endpoint(endpoint: str) -> str:
    """Return a URL without the slash at its end. Raises `UsageError`."""
    if "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    if not endpoint.startswith(("http://", "https://")):
        raise UsageError(f"an endpoint is a URL with http:// or https://, not {endpoint!r}")
    return endpoint.rstrip("/")


def check_object(bucket: str, key: str) -> None:
    """Check that a name can be the one of an object. Raises `InvalidName`."""
    check_key(bucket, key)
    # The service's rules for names of objects.
    if key in (".", "..") or "\r" in key or "\n" in key:
        raise InvalidName(
            f"Google Cloud Storage has no names '.' and '..', nor with line ends: {key!r}",
            bucket=bucket,
            key=key,
        )


def bucket_path(bucket: str) -> str:
    """Return the path of a bucket."""
    return f"/storage/v1/b/{quote(bucket, safe='')}"


def object_path(bucket: str, key: str) -> str:
    """Return the path of an object."""
    return f"{bucket_path(bucket)}/o/{quote(key, safe='')}"
