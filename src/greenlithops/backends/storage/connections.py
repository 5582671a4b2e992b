"""One pool of connections to each server of a storage that speaks HTTP, and what breaks on it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from greenlithops.backends.http.answer import BrokenConnection
from greenlithops.backends.http.pool import Pool, Silence, lines
from greenlithops.errors import (
    ServiceRefused,
    StorageClosed,
    StorageError,
    StorageTimeout,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from greenlithops.backends.http.answer import Answer
    from greenlithops.objects import Buffer

KEPT_SECONDS = 15.0  #: that a connection may rest
BODILESS = "GET", "HEAD", "DELETE"  #: methods of which nobody asks for a length
REPEATABLE = "GET", "HEAD", "PUT", "DELETE"  #: methods that do the same when they are sent again


class Connections:
    """Connections to one storage.

    Args:
        connect_timeout: seconds for a connection to be there.
        read_timeout: seconds in which something has to come, or to be taken.
    """

    def __init__(self, connect_timeout: float, read_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._pools: dict[str, Pool] | None = None  #: by the beginning of a URL

    async def open(self) -> None:
        """Begin; a connection is made when one is needed."""
        self._pools = {}

    async def close(self) -> None:
        """Close the connections; who waits for an answer is told so."""
        pools, self._pools = self._pools, None
        for pool in (pools or {}).values():
            await pool.close()

    async def request(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: Buffer,
        *,
        bucket: str,
        key: str | None,
    ) -> Answer:
        """Return the answer to a request, which the caller reads or releases.

        Args:
            method: in capitals.
            url: encoded already.
            headers: as they are sent; ``host`` and ``content-length``, if they are there, in lower
                case.
            body: what is sent.
            bucket: what an error is about.
            key: the object that it is about.

        Raises:
            StorageClosed: the connections are closed.
            StorageUnavailable: there was no answer.
        """
        if self._pools is None:
            raise StorageClosed(bucket=bucket, key=key)
        pool = self._pool(self._pools, url)
        complete = {"host": url.host_port_subcomponent or "", **pool.proof, **headers}
        if len(body) or method not in BODILESS:
            complete["content-length"] = str(len(body))
        head = f"{method} {pool.target(url)} HTTP/1.1\r\n{lines(complete)}\r\n"
        try:
            return await _answered(pool, method, head.encode("utf-8", "surrogateescape"), body)
        except (BrokenConnection, OSError) as error:
            raise broken(error, bucket, key) from error

    def _pool(self, pools: dict[str, Pool], url: URL) -> Pool:
        server = f"{url.scheme}://{url.authority}"
        if server not in pools:
            pools[server] = Pool(
                url,
                silence=self._read_timeout,
                connect=self._connect_timeout,
                kept=KEPT_SECONDS,
            )
        return pools[server]

    @staticmethod
    async def read(answer: Answer, bucket: str, key: str | None = None) -> bytes:
        """Return what comes with an answer. Raises `StorageUnavailable` if it is cut short."""
        try:
            return await answer.read()
        except BrokenConnection as error:
            raise broken(error, bucket, key) from error
        finally:
            answer.release()


async def _answered(
    pool: Pool, method: str, head: bytes, body: Buffer, *, fresh: bool = False
) -> Answer:
    """Return an answer that has begun."""
    answer = await pool.send(head, body, bodiless=method == "HEAD", fresh=fresh)
    try:
        await answer.begin()
    except BrokenConnection as error:
        # A server may close a connection that rests in the moment in which it is used again.
        if not answer.reused or method not in REPEATABLE or isinstance(error, Silence):
            raise
    except BaseException:
        answer.release()
        raise
    else:
        return answer
    return await _answered(pool, method, head, body, fresh=True)


def broken(error: Exception, bucket: str, key: str | None) -> StorageError:
    """Return the error that a failure of the connection stands for."""
    what = where(bucket, key)
    if isinstance(error, ssl.SSLCertVerificationError):
        return StorageError(f"the storage's certificate cannot be trusted: {error}", bucket=bucket)
    if isinstance(error, ServiceRefused):
        return StorageError(f"{what}: {error}", bucket=bucket, key=key)  # a proxy's last word
    if isinstance(error, (TimeoutError, Silence)):
        return StorageTimeout(f"{what}: the storage did not answer in time", bucket=bucket, key=key)
    text = str(error) or type(error).__name__
    if isinstance(error, BrokenConnection):
        text = f"the connection broke: {text}"
    return StorageUnavailable(f"{what}: {text}", bucket=bucket, key=key)


def where(bucket: str, key: str | None) -> str:
    """Return what an error is about, as text."""
    return bucket if key is None else f"{bucket}/{key}"
