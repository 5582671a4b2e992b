"""One request that invokes an action, with its errors in terms of the one tree."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.backends.compute.http.backend import LARGE
from greenlithops.backends.compute.http.connections import explained, patience
from greenlithops.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp


class Answer(NamedTuple):
    """What a service answered to an invocation."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        """Return the beginning of the content."""
        return self.body[:2000].decode("utf-8", "replace").strip()


async def post(
    session: aiohttp.ClientSession | None,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    wait: float | None,
) -> Answer:
    """Return the answer to one invocation.

    Args:
        session: the connections; None if the backend is not open.
        url: where to.
        body: what is sent.
        headers: who asks among them.
        wait: seconds for which the service may be silent; None for any.

    Raises:
        ServiceUnavailable: the service is not reached.
        WorkerLost: the connection broke, or the service was silent for too long.
    """
    if session is None:
        raise ServiceUnavailable("the backend is not open")
    # What is large is written in pieces, so that the event loop is not held for long.
    data: Any = body if len(body) < LARGE else io.BytesIO(body)
    with explained(url):
        async with session.post(
            url, data=data, headers=headers, timeout=patience(wait)
        ) as response:
            return Answer(response.status, response.headers, await response.read())
