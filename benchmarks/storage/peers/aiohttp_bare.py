"""aiohttp with requests that were signed before the clock ran: what HTTP alone costs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import aiohttp
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from place import Place

DISTRIBUTION = "aiohttp"
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Client:
    """Objects of one bucket; each distinct request is signed once."""

    def __init__(self, session: aiohttp.ClientSession, place: Place) -> None:
        self._session = session
        self._root = f"{place.endpoint}/{place.bucket}"
        self._auth = S3SigV4Auth(Credentials(place.user, place.secret), "s3", place.region)
        self._signed: dict[tuple[str, str, bytes], tuple[URL, dict[str, str]]] = {}

    def _request(self, method: str, rest: str, body: bytes = b"") -> tuple[URL, dict[str, str]]:
        key = (method, rest, body)
        if key not in self._signed:
            request = AWSRequest(method, self._root + rest, data=body)
            self._auth.add_auth(request)
            self._signed[key] = URL(self._root + rest, encoded=True), dict(request.headers)
        return self._signed[key]

    async def get(self, key: str) -> int:
        """Return how many bytes an object has, after getting them."""
        url, headers = self._request("GET", f"/{key}")
        async with self._session.get(url, headers=headers) as answer:
            answer.raise_for_status()
            return len(await answer.read())

    async def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        url, headers = self._request("PUT", f"/{key}", body)
        async with self._session.put(url, headers=headers, data=body) as answer:
            answer.raise_for_status()

    async def head(self, key: str) -> None:
        """Ask for what is known of an object."""
        url, headers = self._request("HEAD", f"/{key}")
        async with self._session.head(url, headers=headers) as answer:
            answer.raise_for_status()

    async def list(self, prefix: str) -> int:
        """Return how many objects there are, after getting the key of each."""
        asked = {"list-type": "2", "prefix": prefix}
        count = 0
        while True:
            url, headers = self._request("GET", f"?{urlencode(sorted(asked.items()))}")
            async with self._session.get(url, headers=headers) as answer:
                answer.raise_for_status()
                root = ET.fromstring(await answer.read())
            count += len([entry.text for entry in root.iter(f"{NAMESPACE}Key")])
            token = root.findtext(f"{NAMESPACE}NextContinuationToken")
            if not token:
                return count
            asked["continuation-token"] = token


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Client]:
    """Give the client."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield Client(session, place)
