"""Carries out operations on shared state with redis-py: blocking, or on an event loop."""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.backends.state.steps import Run, Slot, Step, Steps, Terms, words
from greenlithops.errors import GreenlithopsError, StateError, StateLost, StateUnavailable

try:
    import redis
    from redis import asyncio as aioredis
    from redis.asyncio.retry import Retry as AsyncRetry
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as missing:
    raise GreenlithopsError(
        "shared state needs the redis package: pip install 'greenlithops[multiprocessing]'"
    ) from missing

if TYPE_CHECKING:
    from greenlithops.backends.state.address import Address

T = TypeVar("T")

CONNECT_SECONDS = 5.0
MARGIN = 5.0  #: seconds that an answer may take besides the time that the server was to wait
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5  #: seconds between attempts to reach a server
_LOST = (
    *(redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError),
    redis.exceptions.ClusterDownError,
)


class Client:
    """A server, as the threads of one process use it; one pool of connections."""

    def __init__(self, address: Address, terms: Terms) -> None:
        self._address = address
        self._terms = terms
        self._redis: Any = _open(redis.Redis, redis.RedisCluster, Retry, address, terms)

    def run(self, steps: Steps[T], slot: Slot) -> T:
        """Carry out an operation; `slot` is its own meanwhile.

        Raises:
            StateUnavailable: the server does not answer.
            StateLost: the object is not there any more.
        """
        go_on: Any = steps.send
        value: Any = None
        try:
            while True:
                step = go_on(value)
                slot.seq += 1
                try:
                    value, go_on = self._do(step, slot), steps.send
                except BaseException as error:  # noqa: BLE001 - it may have something to take back
                    value, go_on = error, steps.throw
        except StopIteration as end:
            result: T = end.value
            return result

    def _do(self, step: Step, slot: Slot) -> Any:
        command = words(step, slot, self._terms)
        trouble = None
        while True:
            try:
                return self._ask(command, slot)
            except redis.exceptions.NoScriptError:
                assert type(step) is Run  # noqa: S101 - what else would name a script?
                command = ("EVAL", step.script.source, *command[2:])
            except redis.RedisError as error:
                trouble = trouble or Trouble(step, self._address, self._terms)
                time.sleep(trouble.pause(error))
                command = words(step, slot, self._terms, repeated=True)

    def _ask(self, command: tuple[Any, ...], slot: Slot) -> Any:
        if self._address.cluster:
            return self._redis.execute_command(*command)
        connection = slot.connection
        if connection is None:
            connection = slot.connection = self._redis.connection_pool.get_connection()
        try:
            connection.send_packed_command(connection.pack_command(*command))
            return connection.read_response()
        except redis.ResponseError:
            raise
        except BaseException:
            connection.disconnect()  # an answer that comes after all must not be another one's
            raise

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def pause(self, command: tuple[Any, ...], descriptors: list[Any]) -> None:
        """Send a blocking command on a key; return when it is answered, or a descriptor is ready.

        What it answers is dropped: who calls looks at everything again.
        """
        pool = self._pool(command[1])
        connection = pool.get_connection()
        try:
            connection.send_packed_command(connection.pack_command(*command))
            with selectors.DefaultSelector() as selector:
                # There is no other way to wait for an answer and for something else at once.
                selector.register(connection._sock, selectors.EVENT_READ)  # noqa: SLF001 - see above
                for item in descriptors:
                    selector.register(item, selectors.EVENT_READ)
                selector.select()
        except _LOST:
            time.sleep(FIRST_PAUSE)  # who calls will be told if it stays away
        finally:
            connection.disconnect()  # takes the command back, if it still waits
            pool.release(connection)

    def _pool(self, key: str) -> Any:
        """Return the connections to the server that has a key."""
        if not self._address.cluster:
            return self._redis.connection_pool
        return self._redis.get_redis_connection(self._redis.get_node_from_key(key)).connection_pool


class AsyncClient:
    """A server, as the tasks of one event loop use it."""

    def __init__(self, address: Address, terms: Terms) -> None:
        self._address = address
        self._terms = terms
        self._redis: Any = _open(aioredis.Redis, aioredis.RedisCluster, AsyncRetry, address, terms)

    async def run(self, steps: Steps[T], slot: Slot) -> T:
        """Carry out an operation; see `Client.run`."""
        go_on: Any = steps.send
        value: Any = None
        try:
            while True:
                step = go_on(value)
                slot.seq += 1
                try:
                    value, go_on = await self._do(step, slot), steps.send
                except BaseException as error:  # noqa: BLE001 - it may have something to take back
                    value, go_on = error, steps.throw
        except StopIteration as end:
            result: T = end.value
            return result

    async def _do(self, step: Step, slot: Slot) -> Any:
        command = words(step, slot, self._terms)
        trouble = None
        while True:
            try:
                return await self._redis.execute_command(*command)
            except redis.exceptions.NoScriptError:
                assert type(step) is Run  # noqa: S101 - what else would name a script?
                command = ("EVAL", step.script.source, *command[2:])
            except redis.RedisError as error:
                trouble = trouble or Trouble(step, self._address, self._terms)
                await asyncio.sleep(trouble.pause(error))
                command = words(step, slot, self._terms, repeated=True)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


class Trouble:
    """What went wrong with one step so far, and how long it may go on."""

    def __init__(self, step: Step, address: Address, terms: Terms) -> None:
        self._step = step
        self._address = address
        patience = 0.0 if address.embedded else terms.patience
        self._deadline = time.monotonic() + patience
        self._pause = FIRST_PAUSE

    def pause(self, error: redis.RedisError) -> float:
        """Return the seconds to wait before the step is tried again.

        Raises:
            StateError: trying again is of no use.
        """
        place = self._address.place
        if isinstance(
            error, (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError)
        ):
            raise StateError(f"the state server {place} refuses: {error}") from error
        if isinstance(error, _LOST):
            if time.monotonic() >= self._deadline:
                raise StateUnavailable(_unreachable(self._address, error)) from error
            pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
            return pause
        text = str(error)
        if text.startswith("GONE"):
            raise StateLost(
                f"{text[5:]} is not on the state server any more: it was not used for longer than "
                "REDIS_EXPIRY_TIME, or the server has lost its data"
            ) from error
        raise StateError(f"the state server {place} says: {text}") from error


def _unreachable(address: Address, error: Exception) -> str:
    if address.embedded:
        return (
            "the state server that was started with this program has ended, and what was in it "
            f"is lost: {error}"
        )
    return f"the state server {address.place} cannot be reached: {error}"


def _open(single: Any, cluster: Any, retry: Any, address: Address, terms: Terms) -> Any:
    options = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": terms.lease + MARGIN,
        "socket_keepalive": True,
        **address.options,
        # Attempts are ours to make: only we know what may be repeated.
        "retry": retry(NoBackoff(), 0),
        # Else it looks for its own version among the files of all packages.
        "driver_info": None,
    }
    if address.cluster:
        return cluster(**options)
    if "unix_socket_path" in options:
        del options["socket_keepalive"]
    # Who waits on the server holds a connection. Were their number limited, those who would
    # wake them could wait for one for ever.
    return single(**options, max_connections=1 << 30)
