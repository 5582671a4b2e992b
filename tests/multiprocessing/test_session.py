"""Where shared state is, who may see how it is reached, and what is left of it."""

import asyncio
import multiprocessing as standard
import pickle
import time

import pytest
import redis

import greenlithops.multiprocessing as mp
from greenlithops.errors import ConfigurationError, StateError, StateUnavailable
from greenlithops.multiprocessing import config
from greenlithops.multiprocessing import session as sessions
from support.clock import BUSY
from support.scripts import LIMIT


@pytest.fixture
def secured(valkey_with_password):
    server = valkey_with_password
    section = {"host": "127.0.0.1", "port": server.port, "password": server.secret}
    config.set_parameter(config.LITHOPS_CONFIG, {"redis": section})
    return section


def answer(inbox, outbox):
    outbox.put(inbox.get() + 1)


def test_a_password_works_in_processes_and_is_not_shown(secured):
    inbox, outbox = mp.Queue(), mp.Queue()
    process = mp.Process(target=answer, args=(inbox, outbox))
    process.start()
    inbox.put(1)
    assert outbox.get(timeout=LIMIT) == 2
    process.join(LIMIT)
    process.close()
    session = sessions.current()
    for text in (repr(session), repr(session.address), repr(inbox)):
        assert secured["password"] not in text
    inbox.put(outbox)
    server = redis.Redis(**secured)
    (stored,) = server.lrange(f"{inbox._key}:i", 0, -1)
    server.close()
    assert session._key not in stored, "what signs values is not among the values"
    assert secured["password"].encode() not in stored
    assert inbox.get()._key == outbox._key


def test_a_wrong_password_is_told_at_once(secured):
    config.set_parameter(config.LITHOPS_CONFIG, {"redis": secured | {"password": "wrong"}})
    before = time.monotonic()
    with pytest.raises(StateError, match="refuses"):
        mp.Lock()
    assert time.monotonic() - before < BUSY


def test_a_server_that_is_not_there_is_told_in_time():
    config.set_parameter(config.RECONNECT_TIME, 0.5)
    config.set_parameter(config.LITHOPS_CONFIG, {"redis": {"host": "127.0.0.1", "port": 1}})
    before = time.monotonic()
    with pytest.raises(StateUnavailable, match="cannot be reached"):
        mp.Lock()
    assert time.monotonic() - before < BUSY


def test_nothing_is_left_on_a_configured_server(configured):
    server = redis.Redis(**configured)
    before = set(server.keys())
    lock, queue, shared = mp.Lock(), mp.Queue(), mp.Manager().dict(a=1)
    queue.put(1)
    value, reader = mp.Value("i", 1), mp.Pipe()
    with lock:
        shared[2.0] = value.value
    name = sessions.current().name
    ours = list(server.scan_iter(f"*{name}*"))
    assert len(ours) >= 5
    assert all(server.ttl(key) > 0 for key in ours), "all expire by themselves"
    del reader
    sessions.end()
    assert set(server.keys()) <= before, "what others have left may expire meanwhile"
    server.close()


def test_parameters_are_checked():
    with pytest.raises(KeyError, match="LEASE_TIME"):
        config.set_parameter("LEASE_TIMES", 1)
    with pytest.raises(ConfigurationError, match="positive"):
        config.set_parameter(config.LEASE_TIME, 0)
    with pytest.raises(ConfigurationError, match="kind"):
        config.set_parameter(config.PIPE_CONNECTION_TYPE, "telepathy")
    config.update({config.REDIS_EXPIRY_TIME: 5}, ENV_VARS={"A": "b"})
    assert config.get_parameter(config.REDIS_EXPIRY_TIME) == 5
    config.reset()
    assert config.get_parameter(config.ENV_VARS) == {}


def test_the_package_has_every_name_of_the_standard_librarys():
    missing = {name for name in standard.__all__ if not hasattr(mp, name)}
    assert missing == set()
    context = mp.get_context("spawn")
    assert {name for name in standard.__all__ if not hasattr(context, name)} == set()
    assert mp.get_start_method() == "cloud"
    with pytest.raises(ValueError, match="cannot find context"):
        mp.get_context("magic")
    assert mp.cpu_count() >= 1
    assert mp.resource_tracker.unregister is standard.resource_tracker.unregister


def test_locks_are_not_pickled_with_their_holder():
    lock = mp.Lock()
    with lock:
        copy = pickle.loads(pickle.dumps(lock))
        assert not copy.acquire(False)
    assert copy.acquire(False)
    copy.release()
    assert asyncio.run(_awaited(copy))


async def _awaited(lock):
    twin = mp.aio.twin(lock)
    try:
        return await twin.acquire(timeout=BUSY)
    finally:
        await twin.release()
        await mp.aio.close()
