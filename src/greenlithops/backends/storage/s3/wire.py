"""One request to S3: signed, sent over one pool of connections, its answer looked at."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from greenlithops.backends.storage.connections import Connections
from greenlithops.backends.storage.s3.checksums import sha256
from greenlithops.backends.storage.s3.failures import answered, document_of
from greenlithops.backends.storage.s3.sigv4 import EMPTY, UNSIGNED, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.http.answer import Answer
    from greenlithops.backends.storage.s3.account import Account
    from greenlithops.backends.storage.s3.options import Options
    from greenlithops.backends.storage.s3.places import Place
    from greenlithops.objects import Buffer

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


class Wire:
    """Connections to one S3."""

    def __init__(self, options: Options, account: Account) -> None:
        self._options = options
        self._account = account
        self._connections = Connections(options.connect_timeout, options.read_timeout)
        self.open = self._connections.open
        self.close = self._connections.close
        self.read = self._connections.read
        self._skew = 0.0  #: seconds that the server's clock is ahead of ours

    async def send(self, request: Request) -> Answer:
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

    async def _once(self, request: Request, place: Place) -> Answer:
        path = place.of(request.key)
        return await self._connections.request(
            request.method,
            place.url(path, request.query),
            await self._signed(request, place, path),
            request.body,
            bucket=request.bucket,
            key=request.key or None,
        )

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

    async def _moved(
        self,
        response: Answer,
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
