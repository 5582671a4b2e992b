"""One request to S3: signed, sent over one pool of connections, its answer looked at."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenlithops.backends.storage.connections import Connections, where
from greenlithops.backends.storage.s3 import documents
from greenlithops.backends.storage.s3.checksums import sha256
from greenlithops.backends.storage.s3.failures import answered, document_of
from greenlithops.backends.storage.s3.sigv4 import EMPTY, UNSIGNED, Target
from greenlithops.backends.storage.web import http_moment
from greenlithops.errors import NotSupported

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

    from greenlithops.backends.http.answer import Answer
    from greenlithops.backends.storage.s3.account import Account
    from greenlithops.backends.storage.s3.options import Options
    from greenlithops.backends.storage.s3.places import Place
    from greenlithops.objects import Buffer

MOVES = 3  #: how often a request may be sent elsewhere
TOLERATED = 60.0  #: seconds that clocks may differ; servers take up to 15 minutes
ELSEWHERE = (
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "Redirect",
    "TemporaryRedirect",
)
REDIRECTS = (301, 302, 307, 308)
FAILED, FORBIDDEN, SERVER_ERROR = 300, 403, 500


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
        self._skew = 0.0  #: seconds that the server's clock is ahead of ours

    async def send(self, request: Request) -> Answer:
        """Return the answer to a request, which the caller reads or releases.

        Raises:
            StorageError: the one that the answer stands for.
        """
        bucket, key = request.bucket, request.key
        for _ in range(MOVES):
            place = await self._account.place(bucket)
            skew = self._skew
            response = await self._once(request, place, skew)
            if response.status < FAILED:
                return response
            document = document_of(await self._connections.read(response, bucket, key))
            if not (
                self._skewed(response, document, skew)
                or await self._moved(response, document, bucket, place)
            ):
                break
        raise answered(response.status, response.headers, document, bucket, key or None)

    async def ask(self, request: Request, name: str) -> ET.Element:
        """Return the root of the XML that answers a request.

        Args:
            request: as for `send`.
            name: of the root. What has another one comes from something else than was meant.

        Raises:
            NotSupported: it has another one.
            StorageError: the one that the answer stands for, which may say so after a status of
                success: it had begun by then.
        """
        response = await self.send(request)
        bucket, key = request.bucket, request.key or None
        root = documents.parsed(await self._connections.read(response, bucket, key))
        found = documents.local(root)
        if found == "Error":
            said = documents.texts(root)
            raise answered(SERVER_ERROR, response.headers, said, bucket, key)
        if found != name:
            raise NotSupported(
                f"{where(bucket, key)}: a {name} was asked for, and a {found} was given; the "
                "endpoint may be that of something else, or addressing be the other of 'path' and "
                "'virtual'",
                bucket=bucket,
                key=key,
            )
        return root

    async def _once(self, request: Request, place: Place, skew: float) -> Answer:
        path = place.of(request.key)
        return await self._connections.request(
            request.method,
            place.url(path, request.query),
            await self._signed(request, place, path, skew),
            request.body,
            bucket=request.bucket,
            key=request.key or None,
        )

    async def _signed(
        self, request: Request, place: Place, path: str, skew: float
    ) -> Mapping[str, str]:
        signer = await self._account.signer(place.region)
        if signer is None:
            return request.headers
        payload = EMPTY
        if len(request.body):
            secure = place.root.scheme == "https"
            payload = UNSIGNED if secure else await sha256(request.body)
        target = Target(request.method, place.host, path, request.query)
        return signer.sign(target, request.headers, payload, time.time() + skew)

    def _skewed(self, response: Answer, document: Mapping[str, str], skew: float) -> bool:
        """Take note of a server's clock if a request was refused because of it; return whether.

        An answer to HEAD does not say why: the clocks themselves tell.
        """
        if document.get("Code", "RequestTimeTooSkewed") != "RequestTimeTooSkewed":
            return False
        there = http_moment(response.headers.get("Date"))
        if response.status != FORBIDDEN or there is None:
            return False
        ahead = there - time.time()
        if abs(ahead - skew) < TOLERATED:
            return False
        self._skew = ahead
        return True

    async def _moved(
        self,
        response: Answer,
        document: Mapping[str, str],
        bucket: str,
        place: Place,
    ) -> bool:
        """Take note of what an answer says of a bucket's region; return whether to ask again."""
        code = document.get("Code", "")
        region = response.headers.get("x-amz-bucket-region") or document.get("Region")
        elsewhere = code in ELSEWHERE or response.status in REDIRECTS or not code
        if not elsewhere or not region or region == place.region:
            return False
        await self._account.move(bucket, region)
        return True
