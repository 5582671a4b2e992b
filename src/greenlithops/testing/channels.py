"""What every push channel must do, as tests for pytest: subclass it, and give it a place."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from greenlithops.monitoring.names import opened
from greenlithops.monitoring.news import news_of
from greenlithops.monitoring.sender import Sender
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from greenlithops.monitoring.channel import Place, Subscription


class ChannelContract:
    """Tests of one channel; they need pytest-asyncio in its automatic mode.

    A subclass has a fixture ``place``, the `Place` of a server. Class attributes say what a
    service cannot do; whoever sets one says why beside it.
    """

    shared = True  #: all who listen to a topic are told, rather than one of them
    many = 2000  #: messages that are sent at once

    async def test_what_is_sent_is_received(self, place: Place) -> None:
        sent = [b"%d" % number for number in range(self.many)]
        async with opened(place) as one, one.listen(topic := _topic()) as subscription:
            await one.send(topic, sent)
            assert sorted(await _received(subscription, len(sent))) == sorted(sent)

    async def test_any_bytes_up_to_the_limit(self, place: Place) -> None:
        async with opened(place) as one, one.listen(topic := _topic()) as subscription:
            sent = [bytes(range(256)), b"", secrets.token_bytes(one.limit), b"\n \t"]
            for message in sent:
                await one.send(topic, [message])
            assert sorted(await _received(subscription, len(sent))) == sorted(sent)

    async def test_topics_are_apart_and_nothing_is_kept_for_nobody(self, place: Place) -> None:
        mine, other = _topic(), _topic()
        async with opened(place) as one:
            await one.send(mine, [b"too early"])
            async with one.listen(mine) as subscription, one.listen(other):
                await one.send(other, [b"not mine"])
                await one.send(mine, [b"mine"])
                assert await _received(subscription, 1) == [b"mine"]

    async def test_all_who_listen_are_told(self, place: Place) -> None:
        topic = _topic()
        async with (
            opened(place) as one,
            one.listen(topic) as first,
            one.listen(topic) as second,
        ):
            await one.send(topic, [b"news"])
            if self.shared:
                assert await _received(first, 1) == await _received(second, 1) == [b"news"]
                return
            waits = [asyncio.create_task(_received(each, 1)) for each in (first, second)]
            done, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=20)
            assert [task.result() for task in done] == [[b"news"]]
            for task in left:
                task.cancel()
            await asyncio.wait(left)

    async def test_a_cancelled_wait_loses_nothing(self, place: Place) -> None:
        async with opened(place) as one, one.listen(topic := _topic()) as subscription:
            for seconds in (0, 0.01, 0.3):
                wait = asyncio.create_task(subscription.receive())
                await asyncio.sleep(seconds)
                wait.cancel()
                await asyncio.wait([wait])
                assert wait.cancelled()
            await one.send(topic, [b"after all"])
            assert b"after all" in await _received(subscription, 1)

    async def test_code_without_an_event_loop_sends_too(self, place: Place) -> None:
        sender = Sender(place)
        async with opened(place) as one, one.listen(topic := _topic()) as subscription:
            for number in range(3):
                await off_loop(sender.send, topic, [b"from a thread %d" % number])
            assert len(await _received(subscription, 3)) == 3  # noqa: PLR2004 - as many as sent
        await off_loop(sender.close)

    async def test_who_waits_for_news_wakes_up(self, place: Place) -> None:
        topic = _topic()
        async with opened(place) as one, news_of(one, topic) as news:
            while not news.listening:
                await news.wait(0.1)
            await news.wait(0)
            waiting = asyncio.create_task(news.wait(30))
            await asyncio.sleep(0.1)
            await one.send(topic, [b"something has ended"])
            assert await asyncio.wait_for(waiting, 15)
            assert not await news.wait(0.2)


def _topic() -> str:
    return f"test-{secrets.token_hex(8)}"


async def _received(subscription: Subscription, count: int) -> list[bytes]:
    """Return so many messages, without those that came twice."""
    found: dict[bytes, None] = {}
    async with asyncio.timeout(40):
        while len(found) < count:
            found |= dict.fromkeys(await subscription.receive())
    return list(found)
