"""One pool of connections to a storage that speaks HTTP, and what breaks on it."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
from aiohttp.payload import Payload

from greenlithops.errors import StorageClosed, StorageError, StorageTimeout, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter
    from yarl import URL

    from greenlithops.objects import Buffer

READ_AHEAD = 1 << 20  #: bytes that may wait in a connection that is not read from
PIECE = 256 << 10  #: bytes of a body that are written at a time


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
        if len(self._value) <= PIECE:
            await writer.write(self._value)
            return
        view = memoryview(self._value)
        for start in range(0, len(view), PIECE):
            async with asyncio.timeout(self._seconds):
                await writer.write(view[start : start + PIECE])
                await writer.drain()


class Connections:
    """Connections to one storage.

    Args:
        connect_timeout: seconds for a connection to be there.
        read_timeout: seconds in which something has to come, or to be taken.
    """

    def __init__(self, connect_timeout: float, read_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}  #: by the beginning of a URL
        self._answers: WeakSet[aiohttp.ClientResponse] = WeakSet()

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
            for answer in self._answers:  # otherwise their readers would wait for ever
                answer.content.set_exception(aiohttp.ClientConnectionError("it was closed"))
            await session.close()
            await asyncio.sleep(0)  # transports of TLS say goodbye in the loop's next round

    async def request(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: Buffer,
        *,
        bucket: str,
        key: str | None,
    ) -> aiohttp.ClientResponse:
        """Return the answer to a request, which the caller reads or releases.

        Args:
            method: in capitals.
            url: encoded already.
            headers: as they are sent.
            body: what is sent.
            bucket: what an error is about.
            key: the object that it is about.

        Raises:
            StorageClosed: the connections are closed.
            StorageUnavailable: there was no answer.
        """
        if self._session is None:
            raise StorageClosed(bucket=bucket, key=key)
        try:
            answer = await self._session.request(
                method,
                url,
                headers=headers,
                data=Content(body, self._read_timeout) if len(body) else None,
                allow_redirects=False,
                proxy=self._proxy(url),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error, bucket, key) from error
        self._answers.add(answer)
        return answer

    def _proxy(self, url: URL) -> str | None:
        """Return the proxy that the environment names for a server; it is asked once."""
        server = f"{url.scheme}://{url.authority}"
        if server not in self._proxies:
            bypass = proxy_bypass(url.host or "")
            self._proxies[server] = None if bypass else getproxies().get(url.scheme)
        return self._proxies[server]

    @staticmethod
    async def read(response: aiohttp.ClientResponse, bucket: str, key: str | None = None) -> bytes:
        """Return what comes with an answer. Raises `StorageUnavailable` if it is cut short."""
        try:
            return await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error, bucket, key) from error
        finally:
            response.release()


def broken(error: Exception, bucket: str, key: str | None) -> StorageError:
    """Return the error that a failure of the connection stands for."""
    what = where(bucket, key)
    if isinstance(error, (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError)):
        return StorageError(f"the storage's certificate cannot be trusted: {error}", bucket=bucket)
    if isinstance(error, TimeoutError):
        return StorageTimeout(f"{what}: the storage did not answer in time", bucket=bucket, key=key)
    text = str(error) or type(error).__name__
    return StorageUnavailable(f"{what}: {text}", bucket=bucket, key=key)


def where(bucket: str, key: str | None) -> str:
    """Return what an error is about, as text."""
    return bucket if key is None else f"{bucket}/{key}"
