"""News through a real RabbitMQ."""

import asyncio
import time

import pytest
from rabbitmq import start_rabbitmq

import greenlithops as gl
from greenlithops.errors import ChannelError, ChannelUnavailable
from greenlithops.monitoring import patience
from greenlithops.monitoring.channel import Place
from greenlithops.monitoring.names import opened
from greenlithops.testing.channels import ChannelContract
from support.clock import soon

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def broker(guard, tmp_path_factory):
    server = start_rabbitmq(tmp_path_factory.mktemp("broker") / "rabbitmq", guard)
    yield server
    server.kill()


@pytest.fixture
def place(broker):
    return Place("rabbitmq", {"amqp_url": broker.endpoint})


class TestRabbitmq(ChannelContract):
    """The contract of push channels."""


def late(number):
    time.sleep(1 if number == 3 else 0.01)
    return number


async def test_a_durable_job_is_followed(place, tmp_path, monkeypatch):
    monkeypatch.setenv("GREENLITHOPS_KEY", "a key of this test")
    monitoring = {"name": place.name, **place.options}
    async with (
        soon(40),
        gl.AsyncStorage("localhost", root=tmp_path / "storage") as storage,
        gl.AsyncExecutor(max_workers=1, storage=storage, monitoring=monitoring) as owner,
        gl.AsyncExecutor(max_workers=1, storage=storage, monitoring=monitoring) as other,
    ):
        job = owner.map(late, range(4), durable=True)
        await job[0]
        await asyncio.sleep(0.3)
        followed = await other.attach(job.id)
        assert await followed == [0, 1, 2, 3]


async def test_a_broker_that_refuses(broker):
    wrong = broker.endpoint.replace("guest:guest", "guest:wrong")
    async with opened(Place("rabbitmq", {"amqp_url": wrong})) as one:
        with pytest.raises(ChannelError) as caught:
            await one.send("topic", [b"x"])
    assert not isinstance(caught.value, ChannelUnavailable)
    assert "wrong" not in str(caught.value)


async def test_a_broker_that_goes_and_comes_back(broker, place, monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE", 40.0)
    async with soon(50), opened(place) as one, one.listen("topic") as subscription:
        await one.send("topic", [b"before"])
        assert await subscription.receive() == [b"before"]
        await asyncio.to_thread(broker.restart)
        assert await subscription.receive() == []
        await one.send("topic", [b"after"])
        assert await subscription.receive() == [b"after"]
