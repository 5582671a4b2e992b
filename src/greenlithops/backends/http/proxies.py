"""The proxy that the environment names for a URL, and the way through it."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import urllib.request
from typing import TYPE_CHECKING, NamedTuple

from yarl import URL

from greenlithops.errors import ConfigurationError, ServiceRefused

if TYPE_CHECKING:
    import socket

MOST_ANSWER = 64 << 10  #: bytes of what a proxy says before it lets through
OK, ERROR = 200, 500


class Proxy(NamedTuple):
    """A proxy, and what it is shown."""

    url: URL
    authorization: str | None


def proxy_for(url: URL) -> Proxy | None:
    """Return the proxy by which a URL is reached, or None.

    The variables are those of curl and others: ``https_proxy``, ``http_proxy``, ``all_proxy`` and
    ``no_proxy``. This machine itself is never reached by one.

    Raises:
        ConfigurationError: it is of a kind that is not supported.
    """
    host, known = url.host or "", urllib.request.getproxies()
    place = known.get(url.scheme) or known.get("all")
    if not place or _here(host) or urllib.request.proxy_bypass(f"{host}:{url.port}"):
        return None
    found = URL(place if "://" in place else f"http://{place}")
    if found.scheme != "http" or not found.host:
        raise ConfigurationError(
            f"the environment names the proxy {_shown(found)} for {host}: only those with http:// "
            f"are supported; set no_proxy={host} if it is not needed"
        )
    if found.user is None:
        return Proxy(found, None)
    login = f"{found.user}:{found.password or ''}".encode()
    return Proxy(found, "Basic " + base64.b64encode(login).decode())


def proxy_url(url: str) -> URL | None:
    """Return the proxy by which a URL is reached, as aiohttp takes it; raises as `proxy_for`."""
    found = proxy_for(URL(url))
    return None if found is None else found.url


async def tunnel(sock: socket.socket, proxy: Proxy, url: URL) -> None:
    """Have a proxy that a socket is connected with pass bytes on to a URL's host.

    Raises:
        ServiceRefused: it does not do that.
        OSError: it cannot do that now.
    """
    loop = asyncio.get_running_loop()
    place = f"{url.host_subcomponent}:{url.port}"
    proof = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    head = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{proof}\r\n"
    await loop.sock_sendall(sock, head.encode("latin-1"))
    said = b""
    while b"\r\n\r\n" not in said:
        part = await loop.sock_recv(sock, MOST_ANSWER)
        said += part
        if not part or len(said) > MOST_ANSWER:
            raise ConnectionResetError(f"the proxy {_shown(proxy.url)} does not answer")
    line = said.partition(b"\r\n")[0].decode("latin-1")
    status = line.split(" ")[1:2]
    if status == [str(OK)]:
        return
    text = f"the proxy {_shown(proxy.url)} does not connect with {place}: {line}"
    if not status or not status[0].isdigit() or int(status[0]) < ERROR:
        raise ServiceRefused(text)
    raise ConnectionRefusedError(text)


def _here(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(proxy: URL) -> str:
    """Return a proxy's URL without the password in it."""
    return str(proxy.with_user(None))
