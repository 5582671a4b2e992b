"""Requests to storages that speak plain HTTP, and what their answers' headers say."""

from __future__ import annotations

import time
from calendar import timegm
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from yarl import URL

from greenlithops.backends.storage.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.backends.http.answer import Answer
    from greenlithops.errors import StorageError
    from greenlithops.objects import Buffer

    Failed = Callable[["Refusal", str, str | None], StorageError]

FAILED = 300
NO_HEADERS: Mapping[str, str] = {}
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not what was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Web:
    """A storage behind HTTP.

    Args:
        failed: makes an error of an answer that is not one of success.
        connect_timeout: seconds for a connection to be there.
        read_timeout: seconds in which something has to come, or to be taken.
    """

    def __init__(self, failed: Failed, connect_timeout: float, read_timeout: float) -> None:
        self._failed = failed
        self._connections = Connections(connect_timeout, read_timeout)
        self.open = self._connections.open
        self.close = self._connections.close

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Buffer,
        *,
        bucket: str,
        key: str | None,
    ) -> Answer:
        """Return the answer to a request, as of `Connections.request`.

        Raises:
            StorageError: the one that the answer stands for.
        """
        target = URL(url, encoded=True)
        answer = await self._connections.request(
            method, target, headers, body, bucket=bucket, key=key
        )
        if answer.status < FAILED:
            return answer
        data = await self._connections.read(answer, bucket, key)
        raise self._failed(Refusal(answer.status, answer.headers, data), bucket, key)

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
        answer = await self.send(method, url, headers, body, bucket=bucket, key=key)
        return answer.headers, await self._connections.read(answer, bucket, key)


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


def full_disk(said: str) -> bool:
    """Return whether a server's words are those of a file system without room.

    Servers that keep objects as files pass them on with a status that says no more than that
    something went wrong inside, which would be tried again for nothing.
    """
    return "no space left on device" in said.lower()


def http_moment(text: str | None) -> float | None:
    """Return a time as HTTP writes it (``Sun, 22 Nov 2026 02:33:24 GMT``) since the epoch.

    None if there is none, or it is written in another way.
    """
    try:
        day, month, year, clock = (text or "")[5:].split(" ")[:4]
        hour, minute, second = map(int, clock.split(":"))
        moment = (int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second)
        return float(timegm(moment))
    except ValueError:
        return None
