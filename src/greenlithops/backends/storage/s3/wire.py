"""One request to S3: signed, sent over one pool of connections, its answer looked at."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.payload import Payload

from greenlithops.backends.storage.s3.checksums import sha256
from greenlithops.backends.storage.s3.failures import answered, broken, document_of
from greenlithops.backends.storage.s3.sigv4 import EMPTY, UNSIGNED, Target
from greenlithops.errors import StorageClosed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter

    from greenlithops.backends.storage.s3.account import Account
    from greenlithops.backends.storage.s3.options import Options
    from greenlithops.backends.storage.s3.places import Place
    from greenlithops.objects import Buffer

READ_AHEAD = 1 << 20  #: bytes that may wait in a connection that is not read from
PIECE = 256 << 10  #: bytes of a body that are written at a time
MOVES = 3  #: how often a request may be sent elsewhere
ELSEWHERE = (
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "Redirect",
    "TemporaryRedirect",
)
REDIRECTS = (301, 302, 307, 308)
FAILED = 300


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a server.

    Attributes:
        method: in capitals.
        bucket: what it is about.
        key: the object; empty for the bucket.
        query: encoded and sorted.
        headers: named in lower case.
        body: what is sent.
    """

    method: str
    bucket: str
    key: str = ""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Buffer = b""


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


class Wire:
    """Connections to one S3."""

    def __init__(self, options: Options, account: Account) -> None:
        self._options = options
        self._account = account
        self._session: aiohttp.ClientSession | None = None
        self._skew = 0.0  #: seconds that the server's clock is ahead of ours
        self._proxies: Mapping[str, str] = {}

    async def open(self) -> None:
        """Make the pool; a connection is made when one is needed."""
        self._proxies = getproxies()
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=self._options.connect_timeout,
            sock_read=self._options.read_timeout,
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # how many at once is bounded above
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            auto_decompress=False,  # an object that was put compressed is got as it is
            read_bufsize=READ_AHEAD,
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        )

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            # Transports of TLS say goodbye in the loop's next rounds.
            await asyncio.sleep(0)

    async def send(self, request: Request) -> aiohttp.ClientResponse:
        """Return the answer to a request, which the caller reads or releases.

        Raises:
            StorageError: the one that the answer stands for.
        """
        bucket, key = request.bucket, request.key
        for _ in range(MOVES):
            place = await self._account.place(bucket)
            response = await self._once(request, place)
            if response.status < FAILED:
                return response
            document = document_of(await self.read(response, bucket, key))
            if not await self._moved(response, document, bucket, place):
                break
        raise answered(response.status, response.headers, document, bucket, key or None)

    async def read(self, response: aiohttp.ClientResponse, bucket: str, key: str = "") -> bytes:
        """Return what comes with an answer. Raises `StorageUnavailable` if it is cut short."""
        try:
            return await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error, bucket, key or None) from error
        finally:
            response.release()

    async def _once(self, request: Request, place: Place) -> aiohttp.ClientResponse:
        bucket, key, body = request.bucket, request.key, request.body
        if self._session is None:
            raise StorageClosed(bucket=bucket, key=key or None)
        path = place.of(key)
        signed = await self._signed(request, place, path)
        try:
            return await self._session.request(
                request.method,
                place.url(path, request.query),
                headers=signed,
                data=Content(body, self._options.read_timeout) if len(body) else None,
                allow_redirects=False,
                proxy=self._proxy(place),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error, bucket, key or None) from error

    async def _signed(self, request: Request, place: Place, path: str) -> Mapping[str, str]:
        signer = await self._account.signer(place.region)
        if signer is None:
            return request.headers
        payload = EMPTY
        if len(request.body):
            secure = place.root.scheme == "https"
            payload = UNSIGNED if secure else await sha256(request.body)
        target = Target(request.method, place.host, path, request.query)
        return signer.sign(target, request.headers, payload, time.time() + self._skew)

    def _proxy(self, place: Place) -> str | None:
        proxy = self._proxies.get(place.root.scheme)
        return None if proxy is None or proxy_bypass(place.host) else proxy

    async def _moved(
        self,
        response: aiohttp.ClientResponse,
        document: Mapping[str, str],
        bucket: str,
        place: Place,
    ) -> bool:
        """Take note of what an answer says of region and clock; return whether to ask again."""
        code = document.get("Code", "")
        if code == "RequestTimeTooSkewed" and "Date" in response.headers and not self._skew:
            there = parsedate_to_datetime(response.headers["Date"]).timestamp()
            self._skew = there - time.time()
            return True
        region = response.headers.get("x-amz-bucket-region") or document.get("Region")
        elsewhere = code in ELSEWHERE or response.status in REDIRECTS or not code
        if not elsewhere or not region or region == place.region:
            return False
        await self._account.move(bucket, region)
        return True
