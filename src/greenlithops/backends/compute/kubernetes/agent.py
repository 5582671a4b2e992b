"""What runs in a pod: takes invocations from Redis, has processes run them, and answers.

``python -m greenlithops.backends.compute.kubernetes.agent SETTINGS [--once ROLE]``. It is another
process than those that run calls, so that it can tell what became of one that died, and goes on
giving signs of life while a call holds its interpreter.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError, ResponseError

from greenlithops.backends.compute.kubernetes import exchange
from greenlithops.backends.compute.kubernetes.child import (
    Child,
    answered,
    metering_of,
    mounted,
)

LONGEST_REPLY = 256 << 20
REPLIES_SECONDS = 3600  #: after which replies that nobody reads are dropped
BEATS = 5  #: signs of life in the time of a lease
SILENT_SECONDS = 10.0  #: without a sign of the program, after which a pod that ends does not wait
REACH_SECONDS = 10.0  #: in which a pod that starts must reach Redis

#: an entry, its fields, and how many workers had it before
Taken = tuple[str, dict[str, bytes], int]
_AWAY = (RedisError, OSError)

_log = logging.getLogger("greenlithops.agent")


class Agent:
    """The workers of one pod.

    Args:
        settings: what the Secret says.
        role: of a Job whose calls are run, one in each pod; None for a pool's.
        idle: seconds without calls after which it ends; None: it stays.
    """

    def __init__(
        self, settings: dict[str, Any], role: str | None = None, idle: float | None = None
    ) -> None:
        self.name = os.environ.get("GREENLITHOPS_POD") or os.uname().nodename
        self._pool = settings["pool"]
        self._key = bytes.fromhex(settings["key"])
        self._lease = float(settings["lease"])
        self._attempts = int(settings["attempts"])
        self._timeout: float | None = settings.get("timeout")
        self._grace = float(settings.get("grace", 0))
        self._owner: str | None = settings.get("owner")
        self._owner_seconds = float(settings.get("owner_seconds", 60))
        self._processes = 1 if role else int(settings.get("processes", 1))
        self._calls = exchange.calls_key(self._pool, role)
        self._once = role is not None
        self._longest_idle = idle
        self._busy_at = time.monotonic()
        self._redis = exchange.connected(settings["redis"])
        self._metering = metering_of(settings)
        self._running: dict[str, tuple[str, Child]] = {}  #: by entry: the consumer, and its child
        self._leaving = asyncio.Event()
        self._idle: set[asyncio.Task[Any] | None] = set()  #: slots that wait for something to do
        self._over = self._early = self._answered = False
        self._claimed = 0.0
        self._owner_seen = time.monotonic()

    async def run(self) -> None:
        """Work until the pod is told to end, or its program is gone."""
        loop = asyncio.get_running_loop()
        await self._reach()
        await self._set_aside()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told)
        beating = loop.create_task(self._beat())
        started = f"{time.time():.3f}"
        slots = [
            loop.create_task(self._slot(f"{self.name}/{started}/{number}"))
            for number in range(self._processes)
        ]
        leaving = loop.create_task(self._leaving.wait())
        try:
            await asyncio.wait([leaving, *slots], return_when=asyncio.FIRST_COMPLETED)
            self._leaving.set()
            for slot in slots:
                if slot in self._idle:
                    slot.cancel()
            await asyncio.wait(slots, timeout=self._grace)
        finally:
            self._over = True  # a cancellation may be taken for a time limit of Redis' client
            for task in (leaving, beating, *slots):
                task.cancel()
            await asyncio.wait([leaving, beating, *slots])
            await self._redis.aclose()
            if self._metering is not None:
                await self._metering.close()
        for task in slots:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        if self._early and not self._answered:
            # Else the Job would count it among those that have done their part.
            raise SystemExit("this pod was told to end before its call had ended")

    def _told(self) -> None:
        """The pod is told to end."""
        self._early = self._once
        self._leaving.set()

    async def _reach(self) -> None:
        """Reach Redis, or end: then the cluster tells the client, who would wait in vain."""
        try:
            await exchange.reached(self._redis, REACH_SECONDS)
        except _AWAY as error:
            await self._redis.aclose()
            raise SystemExit(f"Redis is not reached from this pod: {error}") from error

    async def _set_aside(self) -> None:
        """Tell clients what the workers held that ran in this pod before, and died of it maybe.

        The cluster tells them, too, but the moments that it tells are whole seconds: who started
        and died within one cannot be told by them from who came after.
        """
        while True:
            try:
                found = await self._redis.eval(exchange.SET_ASIDE, 1, self._calls, f"{self.name}/")
                for client, number in zip(found[::2], found[1::2], strict=True):
                    replies = exchange.replies_key(self._pool, client.decode())
                    more = json.dumps({"worker": self.name})
                    await self._redis.xadd(
                        replies, {"n": number, "s": exchange.ASIDE, "b": b"", "x": more}
                    )
                    await self._redis.expire(replies, REPLIES_SECONDS)
            except _AWAY as error:
                if str(error).startswith("NOGROUP"):
                    return  # there is nothing that anybody could hold
                await self._wait_for_redis(error)
            else:
                return

    # One process, and what it runs.

    async def _slot(self, consumer: str) -> None:
        child = Child(self._key)
        before = False  # whether there was nothing: a call may be on its way to another pod
        try:
            await child.start()  # before there is anything to run
            while not self._leaving.is_set():
                try:
                    self._idle.add(asyncio.current_task())
                    taken = await self._take(consumer)
                    self._idle.discard(asyncio.current_task())
                    empty = self._once and taken is None and not await self._redis.xlen(self._calls)
                    done, before = empty and before, empty
                except _AWAY as error:
                    await self._wait_for_redis(error)
                    continue
                if taken is not None:
                    await self._answer(consumer, child, *taken)
                    self._answered = True
                    self._busy_at = time.monotonic()
                if done or (self._once and taken is not None):
                    return
        finally:
            await child.end()

    async def _wait_for_redis(self, error: Exception) -> None:
        """Wait a moment: it is away, or has lost its data, which the client will mend."""
        if isinstance(error, ResponseError) and not str(error).startswith(("NOGROUP", "LOADING")):
            raise error
        _log.debug("Redis is away: %s", error)
        await asyncio.sleep(exchange.PAUSE)

    async def _take(self, consumer: str) -> Taken | None:
        """Return an invocation, and how many workers had it before."""
        if time.monotonic() - self._claimed > self._lease / 2:
            self._claimed = time.monotonic()
            if (left := await self._claim(consumer)) is not None:
                return left
        block = min(exchange.BLOCK_SECONDS, self._lease / 2)
        found = await self._redis.xreadgroup(
            exchange.GROUP, consumer, {self._calls: ">"}, count=1, block=round(block * 1000)
        )
        for entry, fields in exchange.entries(found):
            return entry.decode(), exchange.named(fields), 0
        return None

    async def _claim(self, consumer: str) -> Taken | None:
        """Return an invocation whose worker gives no sign of life."""
        idle = round(self._lease * 1000)
        found = await self._redis.xautoclaim(self._calls, exchange.GROUP, consumer, idle, count=1)
        for entry, fields in found[1]:
            if fields:  # else it was cancelled
                rows = await self._redis.xpending_range(
                    self._calls, exchange.GROUP, entry, entry, 1
                )
                before = int(rows[0]["times_delivered"]) - 1 if rows else 0
                return entry.decode(), exchange.named(fields), before
        return None

    async def _answer(
        self, consumer: str, child: Child, entry: str, fields: dict[str, bytes], before: int
    ) -> None:
        lost = before + int(fields.get("a", b"0"))
        if lost >= self._attempts:
            text = f"{lost} pods were lost with this call"
            await self._reply(entry, fields, "lost", text.encode(), {})
            return
        self._running[entry] = (consumer, child)
        try:
            status, body, more = await answered(child, fields["b"], self._timeout, self._metering)
        finally:
            del self._running[entry]
        if len(body) > LONGEST_REPLY:
            status, body, more = "large", str(len(body)).encode(), {}
        if status != "cancelled":
            await self._reply(entry, fields, status, body, more)

    async def _reply(
        self, entry: str, fields: dict[str, bytes], status: str, body: bytes, more: dict[str, Any]
    ) -> None:
        replies = exchange.replies_key(self._pool, fields["c"].decode())
        more["worker"] = self.name
        words = ["n", fields["n"], "s", status, "b", body, "x", json.dumps(more)]
        while not self._over:
            try:
                await self._redis.eval(
                    exchange.ANSWER, 2, self._calls, replies, entry, REPLIES_SECONDS, *words
                )
            except _AWAY as error:
                await self._wait_for_redis(error)
            else:
                return

    # Signs of life, both ways.

    async def _beat(self) -> None:
        while not self._over:
            await asyncio.sleep(min(1.0, self._lease / BEATS))
            with contextlib.suppress(*_AWAY):
                await self._renew()
            with contextlib.suppress(*_AWAY):
                await self._look_for_owner()
            unused = not self._running and time.monotonic() - self._busy_at
            if self._longest_idle is not None and unused > self._longest_idle:
                self._leaving.set()
            # A pod that is told to end waits for its calls only if somebody waits for them, too.
            patience = min(SILENT_SECONDS, self._owner_seconds)
            if not self._leaving.is_set():
                patience = self._owner_seconds
            if self._owner and time.monotonic() - self._owner_seen > patience:
                _log.warning("the program of these calls is gone")
                for entry in list(self._running):
                    self._stop(entry)
                self._leaving.set()

    async def _renew(self) -> None:
        """Keep what runs here, and end what is not ours any more."""
        held = [word for entry, (who, _) in self._running.items() for word in (who, entry)]
        if held:
            for entry in await self._redis.eval(exchange.RENEW, 1, self._calls, *held):
                self._stop(entry.decode())

    async def _look_for_owner(self) -> None:
        if self._owner:
            left = await self._redis.pttl(exchange.life_key(self._pool, self._owner))
            if left > 0:
                self._owner_seen = time.monotonic() - self._owner_seconds + left / 1000
            elif self._leaving.is_set():
                self._owner_seen = -math.inf  # it has left, and so has this pod to

    def _stop(self, entry: str) -> None:
        """End what runs for an entry that is not ours any more: cancelled, or given to another."""
        if entry in self._running:
            self._running[entry][1].stop()


def main(arguments: list[str] | None = None) -> None:
    """Be the agent of a pod."""
    parser = argparse.ArgumentParser(description="Run greenlithops' calls in this pod.")
    parser.add_argument("settings", type=Path, help="a JSON file: how Redis is reached, and more")
    parser.add_argument("--once", metavar="ROLE", help="run one call of a Job, and end")
    parser.add_argument("--idle", type=float, help="end after so many seconds without calls")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=os.environ.get("GREENLITHOPS_LOG", "WARNING"), stream=sys.stderr)
    asyncio.run(_run(given.settings, given.once, given.idle))


async def _run(settings: Path, role: str | None, idle: float | None) -> None:
    await Agent(await mounted(settings), role, idle).run()


if __name__ == "__main__":
    main()
