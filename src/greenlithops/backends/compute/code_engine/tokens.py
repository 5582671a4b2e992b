"""Tokens of IBM's IAM, had for an API key and renewed before they expire."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import aiohttp

from greenlithops.backends.compute.rest import reason
from greenlithops.backends.http.proxies import proxy_url
from greenlithops.errors import ServiceRefused, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_SECONDS = 30.0
RENEW_AT = 0.8  #: of a token's life
_GRANT = "urn:ibm:params:oauth:grant-type:apikey"


class Tokens:
    """Gives the header that proves who asks.

    Args:
        endpoint: IAM's URL.
        api_key: the key; None if the token is given.
        token: a token that is used as it is; None to have them for the key.
    """

    def __init__(self, endpoint: str, api_key: str | None, token: str | None) -> None:
        self._url = f"{endpoint.rstrip('/')}/identity/token"
        self._key = api_key
        self._token = token or ""
        self._until = float("inf") if token else 0.0
        self._lock = asyncio.Lock()

    async def authorize(self, _method: str, _url: str, _body: bytes) -> Mapping[str, str]:
        """Return the header for a request.

        Raises:
            ServiceRefused: IAM does not take the key.
            ServiceUnavailable: IAM is not reached.
        """
        async with self._lock:
            if time.monotonic() >= self._until:
                await self._renew()
        return {"Authorization": f"Bearer {self._token}"}

    async def _renew(self) -> None:
        limit = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        form = {"grant_type": _GRANT, "apikey": self._key or "", "response_type": "cloud_iam"}
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.post(
                    self._url,
                    data=form,
                    headers={"Accept": "application/json"},
                    proxy=proxy_url(self._url),
                ) as response,
            ):
                if response.status != 200:  # noqa: PLR2004 - HTTP's OK
                    text = reason(await response.text())
                    kind = ServiceUnavailable if response.status >= 500 else ServiceRefused  # noqa: PLR2004
                    raise kind(f"IAM gave no token: {response.status}: {text}")
                content: dict[str, Any] = await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceUnavailable(f"IAM is not reached: {error!r}") from error
        self._token = content["access_token"]
        self._until = time.monotonic() + RENEW_AT * float(content.get("expires_in", 3600))
