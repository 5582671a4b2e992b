"""Where buckets and objects are: hosts and percent-encoded paths, exactly as they are sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from yarl import URL

from greenlithops.errors import InvalidName, UsageError

Addressing = Literal["auto", "path", "virtual"]

_IN_HOST = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_IN_HOST_WITHOUT_TLS = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"[0-9.]+|.*:.*|localhost")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bucket is.

    Attributes:
        root: the URL of its host, without a path.
        host: as in the ``Host`` header.
        path: what comes before the key, without a slash at its end.
        region: with which requests to it are signed.
    """

    root: URL
    host: str
    path: str
    region: str

    @property
    def is_aws(self) -> bool:
        """Whether it is at AWS itself."""
        return self.host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def of(self, key: str) -> str:
        """Return the path of an object; that of the bucket if `key` is empty."""
        if not key:
            return self.path or "/"
        return f"{self.path}/{quote(key, safe='/-_.~')}"

    def url(self, path: str, query: str) -> URL:
        """Return the URL of a path and a query that are encoded already."""
        # with_path and the like would encode again, and take dots away.
        text = f"{self.root}{path}?{query}" if query else f"{self.root}{path}"
        return URL(text, encoded=True)


def place(endpoint: str, bucket: str, addressing: Addressing, region: str) -> Place:
    """Return where a bucket is at an endpoint.

    Args:
        endpoint: a URL; it may have a path.
        bucket: its name.
        addressing: ``"virtual"`` for the bucket in the host's name, ``"path"`` for it in the path;
            ``"auto"`` for virtual wherever host and bucket can be joined.
        region: with which requests are signed.

    Raises:
        InvalidName: the name cannot be part of a URL without changing it, or cannot be in the
            host's name although that was asked for.
    """
    url = checked_endpoint(endpoint)
    if not bucket or "/" in bucket or bucket in (".", ".."):
        raise InvalidName(f"a bucket cannot be named {bucket!r}", bucket=bucket)
    if bucket.startswith("arn:"):
        raise InvalidName(
            "access points are named by their alias here, not by their ARN", bucket=bucket
        )
    fits = _IN_HOST if url.scheme == "https" else _IN_HOST_WITHOUT_TLS
    joins = fits.fullmatch(bucket) is not None and not _ADDRESS.fullmatch(url.host or "")
    if addressing == "virtual" and not joins:
        raise InvalidName(
            f"{bucket!r} cannot be put before {url.host!r}; use addressing='path'", bucket=bucket
        )
    before = url.raw_path.rstrip("/")
    if addressing == "path" or not joins:
        return Place(url.origin(), _host(url), f"{before}/{_quoted(bucket)}", region)
    own = url.with_host(f"{bucket}.{url.host}")
    return Place(own.origin(), _host(own), before, region)


def checked_endpoint(endpoint: str) -> URL:
    """Return an endpoint as a URL. Raises `UsageError` when it is none."""
    try:
        url = URL(endpoint, encoded=True)
    except ValueError as error:
        raise UsageError(f"the endpoint {endpoint!r} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or url.query_string:
        raise UsageError(f"an endpoint is a URL such as https://s3.example.org, not {endpoint!r}")
    if url.user or url.password:
        raise UsageError("an endpoint has no user; use access_key_id and secret_access_key")
    return url


def _host(url: URL) -> str:
    return url.host_port_subcomponent or ""  # checked_endpoint has seen that there is one


def _quoted(bucket: str) -> str:
    try:
        return quote(bucket, safe="-_.~")
    except UnicodeEncodeError as error:
        raise InvalidName(f"{bucket!r} cannot be written as UTF-8", bucket=bucket) from error
