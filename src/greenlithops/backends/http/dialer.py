"""Makes connections to one host: its addresses, the proxy on the way, TLS."""

from __future__ import annotations

import asyncio
import functools
import ssl
from typing import TYPE_CHECKING, Any, TypeVar

from aiohappyeyeballs import start_connection

from greenlithops.backends.http.proxies import proxy_for, tunnel

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarl import URL

P = TypeVar("P", bound=asyncio.BaseProtocol)

NAME_SECONDS = 300.0  #: for which the addresses of a name are not asked for again
OTHER_FAMILY_SECONDS = 0.25  #: until another address is tried besides one that does not answer


class Dialer:
    """Makes connections to the host of a URL.

    Args:
        url: with ``http`` or ``https``.
        verify: whether the host's certificate is looked at.

    Attributes:
        proxy: by which the host is reached; None: by none.
    """

    def __init__(self, url: URL, *, verify: bool = True) -> None:
        self.proxy = proxy_for(url)
        self._url = url
        self._reached = url if self.proxy is None else self.proxy.url
        self._tls = trusted(verify=verify) if url.scheme == "https" else None
        self._addresses: list[Any] = []
        self._asked = 0.0
        self._asking = asyncio.Lock()

    def forget(self) -> None:
        """Ask for the addresses again: they may be others by now."""
        self._addresses = []

    async def connect(self, make: Callable[[], P]) -> P:
        """Return what has been made for a new connection.

        Raises:
            OSError: there is none now, or its certificate is not to be trusted.
            ServiceRefused: the proxy does not let through.
        """
        infos = await self._resolved()
        infos.append(infos.pop(0))  # each has its turn
        sock = await start_connection(infos[:], happy_eyeballs_delay=OTHER_FAMILY_SECONDS)
        if len(infos) > 1:  # those of a family that cannot be reached are not tried each time
            infos[:] = [one for one in infos if one[0] == sock.family]
        name = self._url.raw_host if self._tls is not None else None
        if name is not None and self.proxy is not None:
            try:
                await tunnel(sock, self.proxy, self._url)
            except BaseException:
                sock.close()
                raise
        loop = asyncio.get_running_loop()
        _, found = await loop.create_connection(
            make, sock=sock, ssl=self._tls, server_hostname=name
        )
        return found

    async def _resolved(self) -> list[Any]:
        loop = asyncio.get_running_loop()
        if self._addresses and loop.time() - self._asked < NAME_SECONDS:
            return self._addresses
        async with self._asking:
            if not self._addresses or loop.time() - self._asked >= NAME_SECONDS:
                host = self._reached.raw_host
                try:
                    self._addresses = await loop.getaddrinfo(host, self._reached.port, type=1)
                except UnicodeError as error:  # as a label of more than 63 letters is
                    raise OSError(f"{host} cannot be the name of a host: {error}") from error
                self._asked = loop.time()
        return self._addresses


@functools.cache
def trusted(*, verify: bool) -> ssl.SSLContext:
    """Return whom to trust: whom the system does, or ``SSL_CERT_FILE`` says; or anybody."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
