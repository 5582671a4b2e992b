"""Who is attached to a durable job is told of its progress, and looks less often."""

import asyncio
import time

import pytest

import greenlithops as gl
from greenlithops.errors import ConfigurationError, UsageError
from greenlithops.monitoring import patience
from greenlithops.sync.config import settings
from support.clock import soon

LOOKS = 4  #: at storage, of a follower that is told: when there is news, and every five seconds
LISTS = 3  #: for each look


@pytest.fixture(autouse=True)
def own_key(monkeypatch):
    monkeypatch.setenv("GREENLITHOPS_KEY", "a key of this test")


@pytest.fixture
async def storage(tmp_path):
    async with gl.AsyncStorage("localhost", root=tmp_path / "storage") as storage:
        yield storage


@pytest.fixture
def place(valkey):
    return {"name": "redis", "host": "127.0.0.1", "port": valkey.port}


class Counting:
    """A storage that counts what is asked of it."""

    def __init__(self, storage):
        self._storage = storage
        self.asked = 0

    def __getattr__(self, name):
        self.asked += name == "list"
        return getattr(self._storage, name)


def late(number):
    time.sleep(2.5 if number == 3 else 0.01)
    return number


async def test_news_wake_who_is_attached(storage, place):
    counting = Counting(storage)
    async with (
        soon(30),
        gl.AsyncExecutor(max_workers=1, storage=storage, monitoring=place) as owner,
        gl.AsyncExecutor(max_workers=1, storage=counting, monitoring=place) as other,
    ):
        job = owner.map(late, range(4), durable=True)
        await job[2]
        await asyncio.sleep(0.5)
        followed = await other.attach(job.id)
        await asyncio.sleep(0.5)
        counting.asked = 0
        seen = asyncio.create_task(followed.results())
        ended = asyncio.create_task(job.results())
        await ended
        assert not seen.done()
        assert await seen == [0, 1, 2, 3]
        assert counting.asked <= LOOKS * LISTS
    assert counting.asked > 0


async def test_without_its_server_a_job_goes_on_and_is_followed(storage, monkeypatch, caplog):
    monkeypatch.setattr(patience, "PATIENCE", 0.2)
    nobody = {"name": "redis", "host": "127.0.0.1", "port": 1}
    async with (
        soon(30),
        gl.AsyncExecutor(max_workers=1, storage=storage, monitoring=nobody) as owner,
        gl.AsyncExecutor(max_workers=1, storage=storage, monitoring=nobody) as other,
    ):
        job = owner.map(abs, [-1, -2], durable=True)
        assert await job == [1, 2]
        followed = await other.attach(job.id)
        assert await followed == [1, 2]
    assert "is not told of news" in caplog.text


async def test_who_has_no_channel_is_not_in_the_way(storage, place):
    async with (
        soon(30),
        gl.AsyncExecutor(max_workers=1, storage=storage, monitoring=place) as owner,
        gl.AsyncExecutor(max_workers=1, storage=storage) as other,
    ):
        job = owner.map(abs, [-1, -2], durable=True)
        assert await job == [1, 2]
        assert await (await other.attach(job.id)) == [1, 2]


def test_an_argument_that_is_no_channel():
    with pytest.raises(UsageError, match="name of a push channel"):
        gl.AsyncExecutor(monitoring=7)


SECTIONS = {
    "redis": {"redis": {"host": "h", "password": "secret", "storage_bucket": "b"}},
    "rabbitmq": {"rabbitmq": {"amqp_url": "amqp://u:secret@h"}},
    "aws_sqs": {"aws": {"region": "r", "access_key_id": "i", "secret_access_key": "secret"}},
    "gcp_pubsub": {"gcp": {"project_name": "p", "region": "r", "credentials_path": "f.json"}},
    "azure_queue": {
        "azure_storage": {"storage_account_name": "n", "storage_account_key": "secret"}
    },
}
OPTIONS = {
    "redis": {"host": "h", "password": "secret"},
    "rabbitmq": {"amqp_url": "amqp://u:secret@h"},
    "aws_sqs": {"region": "r", "access_key_id": "i", "secret_access_key": "secret"},
    "gcp_pubsub": {"project_name": "p", "credentials_path": "f.json"},
    "azure_queue": {"storage_account_name": "n", "storage_account_key": "secret"},
}


def told(config, **arguments):
    return settings(None, config, None, None, None, arguments.get("monitoring"), {})


@pytest.mark.parametrize("name", SECTIONS)
def test_a_configuration_names_the_channel(name):
    config = {"lithops": {"backend": "localhost", "monitoring": name}, **SECTIONS[name]}
    found = told(config)
    place = found.options["monitoring"]
    assert (place.name, dict(place.options)) == (name, OPTIONS[name])
    assert "secret" not in repr(found)
    del config["lithops"]["monitoring"]
    assert "monitoring" not in told(config).options
    assert told(config, monitoring=name).options["monitoring"] == place


@pytest.mark.parametrize("name", sorted(set(SECTIONS) - {"redis"}))
def test_a_channel_without_its_section(name):
    with pytest.raises(ConfigurationError, match=f"monitoring is '{name}', whose section lacks"):
        told({"lithops": {"backend": "localhost", "monitoring": name}})


def test_storage_is_no_channel():
    assert "monitoring" not in told({"lithops": {"monitoring": "storage"}}).options
