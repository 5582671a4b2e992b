"""Requests over one pool of connections, for storages that speak plain HTTP."""

from __future__ import annotations

import asyncio
import time
from calendar import timegm
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.payload import Payload
from yarl import URL

from greenlithops.errors import (
    StorageClosed,
    StorageError,
    StorageTimeout,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.abc import AbstractStreamWriter

    from greenlithops.objects import Buffer

    Failed = Callable[["Refusal", str, str | None], StorageError]

READ_AHEAD = 1 << 20  #: bytes that may wait in a connection that is not read from
PIECE = 256 << 10  #: bytes of a body that are written at a time
FAILED = 300
NO_HEADERS: Mapping[str, str] = {}
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not what was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Content(Payload):
    """A body in memory, written in pieces, each of which has to be taken in time."""

    def __init__(self, data: Buffer, seconds: float) -> None:
        super().__init__(data)
        self._size = len(data)
        self._seconds = seconds

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text."""
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the body."""
        view = memoryview(self._value)
        for start in range(0, len(view), PIECE):
            async with asyncio.timeout(self._seconds):
                await writer.write(view[start : start + PIECE])
                await writer.drain()


class Web:
    """Connections to one storage.

    Args:
        failed: makes an error of an answer that is not one of success.
        connect_timeout: seconds for a connection to be there.
        read_timeout: seconds in which something has to come, or to be taken.
    """

    def __init__(self, failed: Failed, connect_timeout: float, read_timeout: float) -> None:
        self._failed = failed
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}  #: by the beginning of a URL

    async def open(self) -> aiohttp.ClientSession:
        """Make the pool; a connection is made when one is needed."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # how many at once is bounded above
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=self._connect_timeout, sock_read=self._read_timeout
            ),
            auto_decompress=False,  # an object that was put compressed is got as it is
            read_bufsize=READ_AHEAD,
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # transports of TLS say goodbye in the loop's next round

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Buffer,
        *,
        bucket: str,
        key: str | None,
    ) -> aiohttp.ClientResponse:
        """Return the answer to a request, which the caller reads or releases.

        Args:
            method: in capitals.
            url: quoted already.
            headers: as they are sent.
            body: what is sent.
            bucket: what an error is about.
            key: the object that it is about.

        Raises:
            StorageError: the one that the answer stands for.
        """
        if self._session is None:
            raise StorageClosed(bucket=bucket, key=key)
        target = URL(url, encoded=True)
        try:
            response = await self._session.request(
                method,
                target,
                headers=headers,
                data=Content(body, self._read_timeout) if len(body) else None,
                allow_redirects=False,
                proxy=self._proxy(target),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error, bucket, key) from error
        if response.status < FAILED:
            return response
        data = await self._read(response, bucket, key)
        raise self._failed(Refusal(response.status, response.headers, data), bucket, key)

    def _proxy(self, url: URL) -> str | None:
        """Return the proxy that the environment names for a server; it is asked once."""
        server = f"{url.scheme}://{url.authority}"
        if server not in self._proxies:
            bypass = proxy_bypass(url.host or "")
            self._proxies[server] = None if bypass else getproxies().get(url.scheme)
        return self._proxies[server]

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Buffer,
        *,
        bucket: str,
        key: str | None,
    ) -> tuple[Mapping[str, str], bytes]:
        """Return headers and body of the answer to a request; as `send` does it."""
        response = await self.send(method, url, headers, body, bucket=bucket, key=key)
        return response.headers, await self._read(response, bucket, key)

    async def _read(self, response: aiohttp.ClientResponse, bucket: str, key: str | None) -> bytes:
        try:
            return await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error, bucket, key) from error
        finally:
            response.release()


def broken(error: Exception, bucket: str, key: str | None) -> StorageError:
    """Return the error that a failure of the connection stands for."""
    what = where(bucket, key)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return StorageError(f"the storage's certificate cannot be trusted: {error}", bucket=bucket)
    if isinstance(error, TimeoutError):
        return StorageTimeout(f"{what}: the storage did not answer in time", bucket=bucket, key=key)
    text = str(error) or type(error).__name__
    return StorageUnavailable(f"{what}: {text}", bucket=bucket, key=key)


def where(bucket: str, key: str | None) -> str:
    """Return what an error is about, as text."""
    return bucket if key is None else f"{bucket}/{key}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks to wait; it may be a number or a date."""
    text = headers.get("Retry-After")
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def http_moment(text: str | None) -> float | None:
    """Return a time as HTTP writes it (``Sun, 22 Nov 2026 02:33:24 GMT``) since the epoch."""
    if not text:
        return None
    day, month, year, clock = text[5:].split(" ")[:4]
    hour, minute, second = clock.split(":")
    moment = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
    return float(timegm(moment))
