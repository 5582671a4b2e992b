"""Push channels keep their contract, against real servers."""

import asyncio
import contextlib

import pytest

from greenlithops.errors import (
    BackendNotFound,
    ChannelError,
    ChannelUnavailable,
    ConfigurationError,
)
from greenlithops.monitoring import patience
from greenlithops.monitoring.channel import Place
from greenlithops.monitoring.names import channel
from greenlithops.monitoring.news import news_of
from greenlithops.testing.channels import ChannelContract
from support.clouds.pubsub import EMULATOR
from support.servers import start_valkey


class TestRedis(ChannelContract):
    """Against Valkey."""

    @pytest.fixture
    def place(self, valkey):
        return Place("redis", {"host": "127.0.0.1", "port": valkey.port})


class TestSqs(ChannelContract):
    """Against an emulator of AWS."""

    shared = False  # a message of a queue goes to one of those who take from it
    many = 60  # ten in a request

    @pytest.fixture
    def place(self, ministack):
        options = {"region": "us-east-1", "endpoint": ministack.endpoint}
        options |= {"access_key_id": ministack.user, "secret_access_key": ministack.secret}
        return Place("aws_sqs", options)


class TestPubsubStandIn(ChannelContract):
    """Against a stand-in that holds requests to Pub/Sub's discovery document."""

    @pytest.fixture
    def place(self, pubsub_stand_in):
        return Place("gcp_pubsub", {"project_name": "tests", "endpoint": pubsub_stand_in.endpoint})


if EMULATOR.exists():

    class TestPubsubEmulator(ChannelContract):
        """Against Google's emulator."""

        @pytest.fixture
        def place(self, pubsub_emulator):
            options = {"project_name": "tests", "endpoint": pubsub_emulator.endpoint}
            return Place("gcp_pubsub", options)


class TestAzureQueue(ChannelContract):
    """Against Azurite."""

    shared = False  # as with SQS
    many = 60  # one in a request

    @pytest.fixture
    def place(self, azurite_queue):
        options = {"storage_account_name": azurite_queue.user, "endpoint": azurite_queue.endpoint}
        return Place("azure_queue", {**options, "storage_account_key": azurite_queue.secret})


async def test_a_server_that_comes_back(guard, tmp_path, server_guard):
    server = start_valkey(tmp_path / "valkey", guard)
    place = Place("redis", {"host": "127.0.0.1", "port": server.port})
    try:
        async with channel(place) as one, one.listen("topic") as subscription:
            await one.send("topic", [b"before"])
            assert await subscription.receive() == [b"before"]
            waiting = asyncio.create_task(subscription.receive())
            server.restart()
            assert await asyncio.wait_for(waiting, 20) == []
            await one.send("topic", [b"after"])
            assert await asyncio.wait_for(subscription.receive(), 20) == [b"after"]
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"host": "127.0.0.1", "port": 1}, ChannelUnavailable),
        ({"host": "127.0.0.1", "port": "valkey", "password": "wrong"}, ChannelError),
    ],
    ids=["nobody", "refused"],
)
async def test_a_server_that_cannot_be_used(valkey_with_password, monkeypatch, options, kind):
    monkeypatch.setattr(patience, "PATIENCE", 0.3)
    if options["port"] == "valkey":
        options = {**options, "port": valkey_with_password.port}
    async with channel(Place("redis", options)) as one:
        with pytest.raises(kind) as caught:
            await one.send("topic", [b"x"])
        assert isinstance(caught.value, ChannelUnavailable) == (kind is ChannelUnavailable)
        assert "wrong" not in str(caught.value).replace("WRONGPASS", "")
        with pytest.raises(kind):
            async with one.listen("topic"):
                pytest.fail("nobody is there")
        async with news_of(one, "topic") as news:  # who waits goes on without it
            assert not await news.wait(1)
            assert not news.listening


def test_what_is_said_of_wrong_places():
    with pytest.raises(BackendNotFound, match="there are redis, rabbitmq"):
        channel(Place("carrier-pigeon"))
    with pytest.raises(ConfigurationError, match="host"):
        channel(Place("redis"))
    assert "secret" not in repr(Place("redis", {"password": "secret"}))


async def test_news_without_a_channel_are_a_matter_of_time():
    async with news_of(None, "topic") as news:
        assert not await news.wait(0.01)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(news.wait(10), 0.01)
