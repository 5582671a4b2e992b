"""The connections to a Redis, and its scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from greenlithops.backends.storage.redis.failures import failed
from greenlithops.errors import StorageClosed, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from redis.commands.core import AsyncScript


class Server:
    """A Redis, and what is sent to it.

    Args:
        url: its address, with which `options` are combined; empty if they have it all.
        connections: how many at most.
        options: of `redis.asyncio.Redis`.

    Raises:
        UsageError: there is no such option, or it has no such value.
    """

    def __init__(self, url: str, connections: int, options: Mapping[str, Any]) -> None:
        self._url = url
        self._connections = connections
        self._options = dict(options)
        self._client: Redis | None = None
        self._scripts: dict[str, AsyncScript] = {}
        self._made()  # says what is wrong with the options while it can be mended

    def _made(self) -> Redis:
        try:
            wait = self._options.get("socket_timeout")
            pool = _pool(self._url, self._options, self._connections, wait)
            # A connection is made of the options only when it is needed; see that it can be.
            pool.connection_class(**pool.connection_kwargs)
            return Redis(connection_pool=pool)
        except (TypeError, ValueError, RedisError) as error:
            raise UsageError(f"Redis cannot be reached like that: {error}") from error

    def open(self) -> None:
        """Make the pool; a connection is made when one is needed."""
        self._client = self._made()
        self._scripts.clear()

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose(close_connection_pool=True)

    async def run(
        self,
        script: str,
        keys: Sequence[bytes],
        arguments: Sequence[Any],
        bucket: str,
        key: str | None = None,
    ) -> Any:
        """Return what a script answers.

        Raises:
            StorageError: the one that it, or the connection, failed with.
        """
        client = self._connected(bucket)
        found = self._scripts.get(script)
        if found is None:
            found = self._scripts[script] = client.register_script(script)
        try:
            return await found(keys, arguments)
        except (RedisError, OSError) as error:
            raise failed(error, bucket, key) from error
        finally:
            await self._left(client)

    async def command(self, bucket: str, *words: Any) -> Any:
        """Return what a command answers; errors as of `run`."""
        client = self._connected(bucket)
        try:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]  # it is untyped
        except (RedisError, OSError) as error:
            raise failed(error, bucket, None) from error
        finally:
            await self._left(client)

    async def _left(self, client: Redis) -> None:
        """Close what an operation has connected after its client was closed."""
        if client is not self._client:
            await client.connection_pool.disconnect()

    def _connected(self, bucket: str) -> Redis:
        if self._client is None:
            raise StorageClosed(bucket=bucket)
        return self._client


def _pool(
    url: str, options: Mapping[str, Any], connections: int, wait: float | None
) -> BlockingConnectionPool:
    # Redis turns its own options into those of connections (TLS or not, a socket's path …).
    settings = {**options, "retry": Retry(NoBackoff(), 0), "retry_on_error": []}
    # Otherwise each connection asks the disk for the client's version, to tell the server.
    settings.setdefault("driver_info", None)
    made = Redis.from_url(url, **settings) if url else Redis(**settings)
    plain = made.connection_pool
    return BlockingConnectionPool(
        connection_class=plain.connection_class,
        max_connections=connections,
        timeout=wait,
        **{k: v for k, v in plain.connection_kwargs.items() if k != "connection_class"},
    )
