"""Connections to services: how long they are kept, and what their errors mean for calls."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp

from greenlithops.errors import ServiceError, ServiceUnavailable, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT_SECONDS = 10.0
KEPT_SECONDS = 4.0  #: that a connection may rest: uvicorn, for one, closes it after 5
_UNWRITTEN = "Cannot write to closing transport"  #: as aiohttp has it


def opened(silence: float, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """Return room for as many connections as there are invocations.

    Args:
        silence: seconds without a byte after which a reply is not waited for any longer.
        headers: those of every request.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=KEPT_SECONDS),
        timeout=patience(silence),
        auto_decompress=False,
        headers=headers,
    )


def patience(silence: float | None) -> aiohttp.ClientTimeout:
    """Return how long is waited for a connection, and for a byte of it; never for a whole reply."""
    return aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Say what the errors of a connection mean for the calls of an invocation.

    Args:
        place: where it was sent.

    Raises:
        ServiceUnavailable: nothing was begun.
        WorkerLost: it may have been.
    """
    try:
        yield
    except ServiceError:  # some of which are errors of connections, too
        raise
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise ServiceUnavailable(f"{place} is not reached: {error}") from error
    except aiohttp.SocketTimeoutError as error:
        raise WorkerLost(
            f"{place} has not replied in time: its instance may have died; if calls take that "
            "long, give more runtime_timeout, or asynchronous=True where the service has it"
        ) from error
    except (aiohttp.ClientError, asyncio.IncompleteReadError, ConnectionError) as error:
        # What was not written whole has not begun; a later reset says something else.
        if isinstance(error, aiohttp.ClientOSError) and str(error.__cause__) == _UNWRITTEN:
            raise ServiceUnavailable(f"{place} closed a connection") from error
        raise WorkerLost(f"the connection to {place} broke while calls ran: {error!r}") from error
