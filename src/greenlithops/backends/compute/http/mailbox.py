"""Replies that come through a storage: of invocations that are accepted, and not waited for.

A place for the reply is made beforehand. The service puts a note there when it begins, and the
reply when all calls have ended. One task looks for all that are expected: when a push channel tells
that there is something, and from time to time.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.errors import (
    NotSupported,
    ProtocolError,
    ServiceRefused,
    StorageError,
    WorkerLost,
)
from greenlithops.monitoring.news import news_of
from greenlithops.monitoring.shared import SharedChannel
from greenlithops.worker import invocation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from greenlithops.backends.compute.http.depot import Messages, Place

FIRST_LOOK, LONGEST_LOOK = 0.1, 2.0  #: seconds between two looks
LISTENING_LOOK = 5.0  #: the same where a channel tells; what it tells may be lost
AT_ONCE = 64  #: replies that are read at a time
GRACE_SECONDS = 60.0  #: for the start and the end of an invocation, beyond what it may take


@dataclass(slots=True)
class _Expected:
    """A reply that has not come.

    Attributes:
        place: where it will be.
        reply: whoever waits for it.
        deadline: when it is not waited for any longer, by the loop's clock.
        seen: what the storage had there at the last look.
    """

    place: Place
    reply: asyncio.Future[bytes]
    deadline: float
    begun: bool = False
    seen: tuple[int, str, float | None] | None = None


class Mailbox:
    """What services have put into a storage, for those who wait.

    Args:
        messages: the storage.
        key: what messages are authenticated with.
        queue_seconds: how long an invocation may wait for its turn.
        run_seconds: how long it may take.
        channel: by which services tell that they have put something there; None: by none.
    """

    def __init__(
        self,
        messages: Messages,
        key: bytes,
        *,
        queue_seconds: float,
        run_seconds: float,
        channel: SharedChannel | None = None,
    ) -> None:
        self._channel = channel or SharedChannel(None)
        self._messages = messages
        self._key = key
        self._queue_seconds = queue_seconds + GRACE_SECONDS
        self._run_seconds = run_seconds + GRACE_SECONDS
        self._loop = asyncio.get_running_loop()
        self._expected: dict[str, _Expected] = {}
        self._some = asyncio.Event()  #: whether something is expected
        self._looking: asyncio.Task[None] | None = None
        self._reading = asyncio.Semaphore(AT_ONCE)

    @property
    def valid_seconds(self) -> float:
        """How long the URL of a place has to be good for."""
        return self._queue_seconds + self._run_seconds

    @property
    def news(self) -> tuple[str, dict[str, Any], str] | None:
        """What services tell; see `SupportsNews`."""
        place = self._channel.place
        return None if place is None else (place.name, dict(place.options), self._messages.topic)

    async def reply(self, post: Callable[[str], Awaitable[bytes | None]]) -> bytes:
        """Return the reply to an invocation.

        Args:
            post: makes the invocation, with the URL to which its reply shall be put; returns the
                reply, if the service has given it at once, or None.

        Raises:
            WorkerLost: it has begun, and there was no reply in time, or never began.
            ServiceRefused: the storage cannot take replies of services.
        """
        try:
            place = await self._messages.reserved(self.valid_seconds)
        except NotSupported as error:
            raise ServiceRefused(
                "asynchronous invocations need a storage that can sign URLs, such as S3"
            ) from error
        waiting = _Expected(place, self._loop.create_future(), math.inf)
        self._expected[place.key] = waiting  # now: it may be told of before its request is answered
        self._some.set()
        if self._looking is None or self._looking.done():
            self._looking = self._loop.create_task(self._look())
        try:
            if (at_once := await post(place.url)) is not None:
                return at_once
            if not waiting.begun:
                waiting.deadline = self._loop.time() + self._queue_seconds
            return await waiting.reply
        finally:
            del self._expected[place.key]
            if not waiting.reply.cancel():
                waiting.reply.exception()  # which may be why nobody waits

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        """Look at the storage while something is expected, more rarely if nothing comes."""
        try:
            async with news_of(await self._channel.get(), self._messages.topic) as news:
                pause = FIRST_LOOK
                while True:
                    if not self._expected:
                        pause = FIRST_LOOK
                        self._some.clear()
                        await self._some.wait()
                    await news.wait(self._pause(pause, listening=news.listening))
                    came = await self._arrivals()
                    pause = FIRST_LOOK if came else min(LONGEST_LOOK, pause * 1.3)
                    self._give_up()
        except Exception as error:  # noqa: BLE001 - nobody else would tell who waits
            self._fail_all(error)

    def _pause(self, pause: float, *, listening: bool) -> float:
        """Return the seconds until the next look, if nothing is told before."""
        if not listening:
            return pause
        first = min((one.deadline for one in self._expected.values()), default=0.0)
        return max(FIRST_LOOK, min(LISTENING_LOOK, first - self._loop.time()))

    async def _arrivals(self) -> bool:
        """Read what is new; return whether there was anything."""
        new: list[_Expected] = []
        async for one in self._messages.arrived():
            waiting = self._expected.get(one.key)
            state = (one.size, one.etag, one.modified)
            if waiting is not None and waiting.seen != state:
                waiting.seen = state
                new.append(waiting)
        async with asyncio.TaskGroup() as group:
            for waiting in new:
                group.create_task(self._read(waiting))
        return bool(new)

    async def _read(self, waiting: _Expected) -> None:
        async with self._reading:
            try:
                body = await self._messages.get(waiting.place)
            except StorageError as error:
                _settle(waiting, _unread(error))
                return
            try:
                content, _ = invocation.unpack(self._key, invocation.REPLY, body)
            except ProtocolError as error:
                _settle(waiting, error)
                return
            if content[0] == invocation.BEGUN:
                if not waiting.begun:
                    waiting.begun = True
                    waiting.deadline = self._loop.time() + self._run_seconds
                return
            if not waiting.reply.done():
                waiting.reply.set_result(body)
            with suppress(StorageError):  # it is not in the way, and may be deleted later
                await self._messages.delete(waiting.place)

    def _give_up(self) -> None:
        now = self._loop.time()
        for waiting in list(self._expected.values()):
            if now < waiting.deadline:
                continue
            if waiting.begun:
                text = (
                    f"the calls began, and there was no reply in {self._run_seconds:g} s: the "
                    "instance has died, or the service has stopped it"
                )
            else:
                text = (
                    f"the invocation was accepted, and did not begin in {self._queue_seconds:g} s"
                )
            _settle(waiting, WorkerLost(text))

    def _fail_all(self, error: Exception) -> None:
        for waiting in list(self._expected.values()):
            _settle(waiting, _unread(error))


def _unread(error: Exception) -> WorkerLost:
    lost = WorkerLost(f"the storage does not give the replies: {error}")
    lost.__cause__ = error
    return lost


def _settle(waiting: _Expected, error: Exception) -> None:
    if not waiting.reply.done():
        waiting.reply.set_exception(error)
