"""Objects of web servers: what is known of them, and their bytes, with or without ranges."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from greenlithops.errors import (
    AccessDenied,
    NoSuchKey,
    NotSupported,
    ObjectChanged,
    StorageError,
    StorageTimeout,
    StorageUnavailable,
    UsageError,
)
from greenlithops.storage.mapping.origins import Background, changed

if TYPE_CHECKING:
    from concurrent.futures import Future

    from greenlithops.storage.mapping.part import Part

TIMEOUT = 60.0  #: seconds that a server may be silent
ATTEMPTS = 4
WAIT = 0.5  #: seconds before the second attempt; twice as long before each further one
SKIP = 1 << 20
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
_GONE = (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE)
_DENIED = (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN)
_LATER = (http.HTTPStatus.REQUEST_TIMEOUT, http.HTTPStatus.TOO_MANY_REQUESTS)
_UNSATISFIABLE = http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


@dataclass(frozen=True, slots=True)
class Page:
    """What a server told of an object.

    Attributes:
        size: bytes; None if it did not tell.
        etag: which version it is; empty if it did not tell.
        ranges: whether parts of it can be asked for.
    """

    size: int | None
    etag: str
    ranges: bool


def look(url: str, ended: threading.Event) -> Page:
    """Return what a server tells of an object; blocking.

    Its first byte is asked for, since servers may tell other things when asked for nothing.

    Args:
        url: where it is.
        ended: set when nobody waits for the answer any more: then it is not asked again.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _look(url)
        except StorageUnavailable as error:
            _pause(error, attempt, ended)
    raise AssertionError  # the last pause raises


def _look(url: str) -> Page:
    try:
        with _opened(url, {"Range": "bytes=0-0"}) as response:
            size = _total(response)
            ranges = size is not None and response.status == http.HTTPStatus.PARTIAL_CONTENT
            return Page(size, _version(response), ranges)
    except _Unsatisfiable as empty:
        return Page(0, empty.version, ranges=False)


class WebOrigin:
    """An object of a web server, read in one stream as long as nobody seeks."""

    block = 1 << 20
    tail = 64 << 10
    ahead = True

    def __init__(self, part: Part) -> None:
        self._part = part
        self._url = str(part.where)
        self._response: Any = None
        self._position = 0
        self._background = Background()
        self._closed = threading.Event()
        # The thread that reads ahead and a function that has jumped elsewhere share the stream.
        self._turn = threading.Lock()

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes of the object."""
        with self._turn:
            return self._read(start, stop)

    def _read(self, start: int, stop: int) -> bytes:
        pieces = []
        attempt = 1
        while start < stop:
            try:
                piece = self._piece(start, stop)
            except StorageUnavailable as error:
                self._hang_up()
                _pause(error, attempt, self._closed)
                attempt += 1
                continue
            if not piece:
                break
            pieces.append(piece)
            start += len(piece)
            attempt = 1  # it moves
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, start: int, stop: int) -> bytes:
        if self._response is None or self._position > start:
            self._connect(start)
        while self._position < start and self._take(min(SKIP, start - self._position)):
            pass  # the server cannot begin where it should
        return self._take(stop - start) if self._position == start else b""

    def _take(self, count: int) -> bytes:
        try:
            data: bytes = self._response.read(count)
        except (OSError, http.client.HTTPException) as error:
            raise _unavailable(self._url, error) from error
        size = self._part.size
        if not data and (size is not None or self._response.length):
            # A connection that ends early looks like the end of what has no length.
            of = "" if size is None else f" of {size}"
            raise StorageUnavailable(
                f"{self._url}: the connection ended at byte {self._position}{of}"
            )
        self._position += len(data)
        return data

    def _connect(self, start: int) -> None:
        self._hang_up()
        try:
            self._response = _opened(self._url, {"Range": f"bytes={start}-"} if start else {})
            self._position = self._begins(self._response, start)
        except _Unsatisfiable:
            raise changed(self._part) from None
        except StorageError:
            self._hang_up()
            raise

    def _begins(self, response: Any, start: int) -> int:
        """Return the first byte that an answer brings, if it is of what was planned with."""
        if self._closed.is_set():
            raise StorageUnavailable(f"{self._url}: nobody reads it any more")
        first = _first(response)
        if first > start:
            raise NotSupported(f"{self._url}: asked for byte {start}, the server gives a later one")
        part, total, version = self._part, _total(response), _version(response)
        other_size = total is not None and part.size is not None and total != part.size
        if other_size or (part.etag and version and version != part.etag):
            raise changed(part)
        return first

    def begin(self, start: int, stop: int) -> Future[bytes]:
        """Do the same in a thread."""
        return self._background.begin(self.read, start, stop)

    def _hang_up(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()

    def close(self) -> None:
        """Hang up, also on what is being read: neither server nor thread is held any longer."""
        self._closed.set()
        response = self._response
        if response is not None:
            _shut_down(response)
        self._background.finish(self._hang_up)


def _shut_down(response: Any) -> None:
    """End a connection under whoever reads from it in another thread."""
    # Its number may be another connection's by now. The socket itself has no public name.
    sock = getattr(getattr(response.fp, "raw", None), "_sock", None)
    if sock is not None:
        with suppress(OSError):  # it is closed already
            sock.shutdown(socket.SHUT_RDWR)


class _Unsatisfiable(ObjectChanged):
    """The range lies outside of the object."""

    version = ""


def _opened(url: str, headers: dict[str, str]) -> Any:
    try:
        # What can be named is http and https; see `sources`.
        request = urllib.request.Request(_escaped(url), headers=headers)  # noqa: S310
        return urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(url, error) from None
    except urllib.error.URLError as error:
        raise _unavailable(url, error.reason) from error
    except (http.client.InvalidURL, ValueError) as error:
        raise UsageError(f"{url} cannot be asked for: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _unavailable(url, error) from error


def _escaped(url: str) -> str:
    """Return a URL as requests have it, of one in which people wrote spaces, umlauts and the like.

    Raises:
        ValueError: it is no URL, or has what must not be in one.
    """
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc:
        raise ValueError("a URL names a server, and no user: https://server/path")
    parts.port  # noqa: B018 - raises where it is none
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    plain = parts._replace(netloc=host, fragment="").geturl()
    return re.sub("[^!-~]", lambda found: quote(found[0]), plain)


def _refused(url: str, error: urllib.error.HTTPError) -> StorageError:
    text = f"{url}: the server says {error.code} {error.reason}"
    if error.code == _UNSATISFIABLE:
        outside = _Unsatisfiable(text)
        outside.version = _version(error)
        return outside
    if error.code in _GONE:
        return NoSuchKey(text)
    if error.code in _DENIED:
        return AccessDenied(text)
    if error.code in _LATER or error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        after = error.headers.get("Retry-After", "")
        return StorageUnavailable(text, retry_after=float(after) if after.isdigit() else None)
    return StorageError(text)


def _unavailable(url: str, reason: object) -> StorageUnavailable:
    if isinstance(reason, TimeoutError):
        return StorageTimeout(f"{url}: the server was silent for {TIMEOUT:g} s")
    return StorageUnavailable(f"{url}: {reason}")


def _pause(error: StorageUnavailable, attempt: int, ended: threading.Event) -> None:
    seconds = max(WAIT * 2 ** (attempt - 1), min(error.retry_after or 0.0, TIMEOUT))
    if attempt >= ATTEMPTS or ended.wait(seconds):
        raise error


def _first(response: Any) -> int:
    """Return the first byte that an answer brings."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None or found[1] is None:
        raise NotSupported(f"{response.url}: the server gives a range of unknown place")
    return int(found[1])


def _total(response: Any) -> int | None:
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is not None and found[2] != "*":
        return int(found[2])
    length: int | None = response.length  # None where what the server says is no length
    return length if response.status == http.HTTPStatus.OK else None


def _version(response: Any) -> str:
    headers = response.headers
    return str(headers.get("ETag") or headers.get("Last-Modified") or "")
