"""The client's end of the exchange: invocations go into a stream, replies come out of another."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from redis.exceptions import AuthenticationError, RedisError, ResponseError

from greenlithops.backends.compute.kubernetes import exchange
from greenlithops.backends.compute.kubernetes.pending import Book
from greenlithops.errors import ServiceRefused, ServiceUnavailable, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenlithops.backends.compute.kubernetes.pending import Pending

BEAT_SECONDS = 2.0
LEFT_SECONDS = 3600  #: for which calls stay in Redis when the program is killed
READ = 200  #: replies that are read at a time
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
_AWAY = (RedisError, OSError)

_log = logging.getLogger(__name__)


class Link:
    """Invocations of one client in one pool.

    Args:
        place: where Redis is, as `exchange.described` says it.
        pool: the pool's name.
        client: this client's.
        seconds: after which the client counts as dead when it gives no sign.
        patience: for which Redis may be away.
        on_reply: called when an invocation has ended.
    """

    def __init__(
        self,
        place: dict[str, Any],
        pool: str,
        client: str,
        *,
        seconds: float,
        patience: float,
        on_reply: Callable[[Pending], None],
    ) -> None:
        self.book = Book(on_reply)
        self.pending = self.book.pending
        self.pods: dict[str, float] = {}  #: those that have answered, and when they last did
        #: told of an invocation that was held by workers of a pod which do not run any more
        self.left: Callable[[Pending, str], None] = lambda *_: None
        #: not asked: what a pod takes from the stream says which invocation it is
        self.index_of: Callable[[str], int] = lambda _: 0
        self._redis = exchange.connected(place)
        self._pool = pool
        self._client = client
        self._seconds = seconds
        self._patience = patience
        self._replies = exchange.replies_key(pool, client)
        self._last: bytes | str = "0-0"
        self._away_since: float | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        #: a cancellation that comes with a time limit of Redis' client is taken for that
        self._closed = False

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            ServiceUnavailable: Redis does not answer.
            ServiceRefused: it refuses.
        """
        try:
            await self._live()
        except (AuthenticationError, ResponseError) as error:
            await self._redis.aclose()
            raise ServiceRefused(f"Redis refuses: {error}; check redis of the options") from error
        except _AWAY as error:
            await self._redis.aclose()
            raise ServiceUnavailable(
                f"Redis is not reached: {error}; check redis of the options"
            ) from error
        self._spawn(self._read())
        self._spawn(self._beat())

    async def close(self, *, whole: bool) -> None:
        """Stop to listen.

        Args:
            whole: whether the pool ends with this client, so that nothing is left of it.
        """
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            async with asyncio.timeout(exchange.CONNECT_SECONDS):
                keys = [self._replies, exchange.life_key(self._pool, self._client)]
                if whole:
                    pattern = exchange.calls_key(self._pool) + "*"
                    keys += [key async for key in self._redis.scan_iter(match=pattern)]
                await self._redis.delete(*keys)
        except (*_AWAY, TimeoutError) as error:
            _log.warning("what calls left in Redis is not deleted: %s", error)
        await self._redis.aclose()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Invocations.

    async def send(self, some: Iterable[Pending], role: str | None = None) -> None:
        """Put invocations into a stream, where workers find them.

        Raises:
            ServiceUnavailable: Redis does not answer.
        """
        stream = exchange.calls_key(self._pool, role)
        try:
            if role is not None:
                await self._group(stream)
            async with self._redis.pipeline(transaction=False) as pipe:
                waiting = list(some)
                for one in waiting:
                    fields = {"c": self._client, "n": one.number, "a": one.lost, "b": one.body}
                    pipe.xadd(stream, fields)
                for one, entry in zip(waiting, await pipe.execute(), strict=True):
                    one.role, one.entry = role, entry
                    if one.reply.cancelled():
                        self._spawn(self._withdraw(one))
        except _AWAY as error:
            raise ServiceUnavailable(f"Redis does not take calls: {error}") from error

    def drop(self, pending: Pending) -> None:
        """Forget an invocation; where it runs, its process is told within a second."""
        if self.book.drop(pending) and pending.entry:
            self._spawn(self._withdraw(pending))

    async def _withdraw(self, pending: Pending) -> None:
        stream = exchange.calls_key(self._pool, pending.role)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.xack(stream, exchange.GROUP, pending.entry)
                pipe.xdel(stream, pending.entry)
                await pipe.execute()
        except _AWAY as error:
            _log.debug("a cancelled call is not taken back: %s", error)

    async def taken_by(
        self, pod: str, role: str | None = None, before: float | None = None
    ) -> list[Pending]:
        """Take away from a pod what it runs, and return that.

        Args:
            pod: its name.
            role: whose stream it works on.
            before: only what was taken by workers that started before this moment.
        """
        stream = exchange.calls_key(self._pool, role)
        try:
            found = await self._redis.eval(
                exchange.WITHDRAW, 1, stream, f"{pod}/", self._client, before or 1e12
            )
        except _AWAY as error:
            _log.debug("what the pod %s ran is not known: %s", pod, error)
            return []  # others claim it when the pod's lease is over
        return [self.pending[int(n)] for n in found if int(n) in self.pending]

    async def ended(self, pod: str, role: str) -> None:
        """Do nothing about a pod that has ended well: its reply came through Redis."""

    # Replies.

    async def _read(self) -> None:
        pause = FIRST_PAUSE
        while not self._closed:
            try:
                found = await self._redis.xread(
                    {self._replies: self._last},
                    count=READ,
                    block=round(exchange.BLOCK_SECONDS * 1000),
                )
                for entry, fields in exchange.entries(found):
                    self._last = entry
                    self._heard(exchange.named(fields))
                if found:
                    await self._redis.xtrim(self._replies, minid=_after(self._last))
                pause, self._away_since = FIRST_PAUSE, None
            except _AWAY as error:
                self._away(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _heard(self, fields: dict[str, bytes]) -> None:
        pending = self.pending.get(int(fields["n"]))
        more = json.loads(fields["x"])
        self.pods[more["worker"]] = time.monotonic()
        if pending is None:
            return  # it was cancelled, or answered before
        if fields["s"].decode() == exchange.ASIDE:
            self.left(pending, more["worker"])
            return
        self.book.heard(pending, fields["s"].decode(), fields["b"], more)

    def _away(self, error: Exception) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            _log.warning("Redis is away: %s", error)
        if now - self._away_since > self._patience:
            failure = WorkerLost(
                f"Redis has been away for {self._patience:g} s: what became of the call is not "
                f"known ({error})"
            )
            for one in list(self.pending.values()):
                self.book.settle(one, failure)

    # Signs of life.

    async def _beat(self) -> None:
        while not self._closed:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._live()
            except _AWAY as error:
                _log.debug("no sign of life was given: %s", error)

    async def _live(self) -> None:
        """Say that this client lives; send everything again if Redis has lost its data."""
        life = exchange.life_key(self._pool, self._client)
        await self._redis.set(life, "1", px=round(self._seconds * 1000))
        roles = {None} | {one.role for one in self.pending.values() if one.entry}
        for role in roles:
            if await self._group(exchange.calls_key(self._pool, role)):
                lost = [one for one in self.pending.values() if one.entry and one.role == role]
                if lost:
                    _log.warning("Redis has lost its data; %d calls are sent again", len(lost))
                    self._last = "0-0"
                    await self.send(lost, role)

    async def _group(self, stream: str) -> bool:
        """Make a stream, or have it stay for another while; return whether it had to be made."""
        made = True
        try:
            await self._redis.xgroup_create(stream, exchange.GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
            made = False
        if self._pool == self._client:  # nobody else would delete it
            await self._redis.expire(stream, LEFT_SECONDS)
        return made


def _after(entry: bytes | str) -> str:
    text = entry.decode() if isinstance(entry, bytes) else entry
    milliseconds, _, sequence = text.partition("-")
    return f"{milliseconds}-{int(sequence) + 1}"
