"""Invocations that are accepted, with replies that come through a real storage."""

import asyncio
import os
import signal
import sys
import time

import pytest

import greenlithops as gl
from greenlithops.backends.compute.http import mailbox
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.backends.compute.http.depot import Messages
from greenlithops.errors import ConfigurationError, IncompatibleRuntime, ServiceRefused, WorkerLost
from greenlithops.offload import off_loop
from support.clock import soon
from support.servers.functions import ROLE, start_framework

BUCKET = "replies"
KEY = "the key of these tests"


@pytest.fixture
async def storage(ministack, tmp_path):
    bucket = f"{BUCKET}-{tmp_path.name.lower().replace('_', '-')}"[:60].rstrip("-")
    access = {"access_key_id": ministack.user, "secret_access_key": ministack.secret}
    storage = gl.AsyncStorage(
        "s3", bucket=bucket, region="us-east-1", endpoint=ministack.endpoint, **access
    )
    async with storage:
        await storage.create_bucket(bucket)
        yield storage


@pytest.fixture
async def server(serve):
    return await off_loop(serve)


@pytest.fixture
async def executor(server, storage):
    backend = HttpBackend(server.url, KEY, asynchronous=True)
    async with gl.AsyncExecutor(backend, storage=storage) as executor:
        yield executor


def work(number):
    print("number", number)
    time.sleep(0.3)
    if number == 2:
        raise KeyError("two")
    return number * 2


def leave(number):
    os.kill(os.getpid(), signal.SIGKILL)


async def left(storage):
    return [one.key async for one in storage.list(storage.bucket, "greenlithops.messages/")]


async def test_calls_results_errors_and_output(executor, storage):
    async with soon(40):
        job = executor.map(work, range(4))
        results = await job.results(return_exceptions=True)
    assert [results[0], results[1], results[3]] == [0, 2, 6]
    assert isinstance(results[2], KeyError)
    assert job[3].logs == "number 3\n"
    assert await left(storage) == []


async def test_no_connection_is_open_while_calls_run(executor, server):
    """A connection that lasted would be one that the service had to keep."""
    async with soon(40):
        job = executor.map(until, [server.marker("go")] * 3)
        for _ in range(200):
            await asyncio.sleep(0.02)
            if len([*server.folder.glob("begun-*")]) == 1:
                break
        waiting = executor._engine._dispatcher._backend._client.waiting
        await off_loop(server.marker("go").touch)
        assert waiting == 0
        assert await job == ["told"] * 3


def until(path):
    (path.parent / f"begun-{os.getpid()}").touch()
    while not path.exists():
        time.sleep(0.01)
    return "told"


async def test_several_calls_and_large_results(server, storage):
    backend = HttpBackend(server.url, KEY, asynchronous=True, worker_processes=2)
    async with soon(40), gl.AsyncExecutor(backend, storage=storage, chunksize=4) as executor:
        results = await executor.map(bytes, [1 << 20] * 4)
    assert [len(result) for result in results] == [1 << 20] * 4


@pytest.fixture(params=["redis", "azure_queue"])
def channel(request):
    if request.param == "redis":
        return {
            "name": "redis",
            "host": "127.0.0.1",
            "port": request.getfixturevalue("valkey").port,
        }
    server = request.getfixturevalue("azurite_queue")
    account = {"storage_account_name": server.user, "storage_account_key": server.secret}
    return {"name": "azure_queue", "endpoint": server.endpoint, **account}


async def test_a_push_channel_tells_of_replies(server, storage, channel, monkeypatch):
    """Who waits does not look again and again, and is told of each reply, or else looks late."""
    monkeypatch.setattr(mailbox, "LISTENING_LOOK", 600.0)
    looks, arrived = [], Messages.arrived

    def counted(self):
        looks.append(time.monotonic())
        return arrived(self)

    monkeypatch.setattr(Messages, "arrived", counted)
    backend = HttpBackend(server.url, KEY, asynchronous=True)
    async with soon(50), gl.AsyncExecutor(backend, storage=storage, monitoring=channel) as executor:
        assert await executor.submit(nap, 0.01) == 0.01
        before = len(looks)
        for seconds in (2.0, 0.01):
            assert await executor.submit(nap, seconds) == seconds
        assert len(looks) - before <= 8  # without a channel, some fifteen in these seconds
        assert await executor.map(nap, [0.3] * 6) == [0.3] * 6
    assert await left(storage) == []


async def test_a_channel_that_is_not_there(server, storage, unused_tcp_port):
    """Services say so in their log; who waits looks."""
    nobody = {"name": "redis", "host": "127.0.0.1", "port": unused_tcp_port}
    backend = HttpBackend(server.url, KEY, asynchronous=True)
    async with soon(50), gl.AsyncExecutor(backend, storage=storage, monitoring=nobody) as executor:
        assert await executor.submit(nap, 0.01) == 0.01


def nap(seconds):
    time.sleep(seconds)
    return seconds


async def test_an_instance_that_dies(server, storage, monkeypatch):
    monkeypatch.setattr(mailbox, "GRACE_SECONDS", 1.0)
    backend = HttpBackend(server.url, KEY, asynchronous=True, runtime_timeout=1.0)
    async with soon(40), gl.AsyncExecutor(backend, storage=storage) as executor:
        with pytest.raises(WorkerLost, match="no reply"):
            await executor.submit(leave, 1)


async def test_what_never_begins(serve, storage, monkeypatch):
    """One thread, which another call has."""
    monkeypatch.setattr(mailbox, "GRACE_SECONDS", 0.0)
    server = await off_loop(lambda: serve(concurrency=1))
    backend = HttpBackend(
        server.url, KEY, asynchronous=True, queue_seconds=4.0, runtime_timeout=20.0
    )
    async with soon(40), gl.AsyncExecutor(backend, storage=storage) as executor:
        first = executor.submit(until, server.marker("go"))
        await asyncio.sleep(0.5)
        second = executor.submit(until, server.marker("go"))
        with pytest.raises(WorkerLost, match="did not begin"):
            await second
        await off_loop(server.marker("go").touch)
        assert await first == "told"


async def test_a_wrong_key_and_another_python(server, storage, monkeypatch):
    async with soon(40):
        backend = HttpBackend(server.url, "other", asynchronous=True)
        async with gl.AsyncExecutor(backend, storage=storage) as executor:
            with pytest.raises(ServiceRefused, match="key"):
                await executor.submit(abs, -1)
        monkeypatch.setattr("greenlithops.dispatch.parcels.PYTHON", (3, 7))
        backend = HttpBackend(server.url, KEY, asynchronous=True)
        async with gl.AsyncExecutor(backend, storage=storage) as executor:
            with pytest.raises(IncompatibleRuntime, match=r"3\.7"):
                await executor.submit(abs, -1)


async def test_without_a_storage_that_signs(server):
    backend = HttpBackend(server.url, KEY, asynchronous=True)
    with pytest.raises(ConfigurationError, match="storage"):
        async with gl.AsyncExecutor(backend):
            pass
    async with soon(40), gl.AsyncStorage("memory", bucket=BUCKET) as storage:
        await storage.create_bucket(BUCKET)
        async with gl.AsyncExecutor(backend, storage=storage) as executor:
            with pytest.raises(ServiceRefused, match="sign"):
                await executor.submit(abs, -1)


async def test_a_service_that_replies_at_once(function_guard, tmp_path, code, storage):
    """Google's framework has no way to go on after its answer, so it gives the reply with it."""
    folder = tmp_path / "framework"
    server = await off_loop(start_framework, folder, function_guard, code, KEY)
    backend = HttpBackend(server.endpoint, KEY, asynchronous=True)
    async with soon(40), gl.AsyncExecutor(backend, storage=storage) as executor:
        assert await executor.map(abs, [-1, -2]) == [1, 2]
    await off_loop(server.kill)


PROGRAM = """
import asyncio, pathlib, sys, time
import greenlithops as gl
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.backends.compute.http.depot import Messages

url, key, endpoint, user, secret, bucket, folder = sys.argv[1:]


def until(place, folder):
    path = pathlib.Path(folder)
    (path / f"begun-{place}").touch()
    while not (path / "go").exists():
        time.sleep(0.01)
    return place


async def main():
    storage = gl.AsyncStorage(
        "s3", bucket=bucket, region="us-east-1", endpoint=endpoint, access_key_id=user,
        secret_access_key=secret,
    )
    backend = HttpBackend(url, key, asynchronous=True)
    async with gl.AsyncExecutor(backend, storage=storage) as executor:
        job = executor.map(until, [(place, folder) for place in range(3)], durable=True)
        print(job.id, flush=True)
        await job


asyncio.run(main())
"""


async def test_a_client_that_dies_with_a_durable_job(server, storage, ministack, tmp_path):
    """Whoever attaches gets every result, though the calls ran when their client died."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    access = (ministack.endpoint, ministack.user, ministack.secret, storage.bucket)
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, script, server.url, KEY, *access, server.folder),
        stdout=asyncio.subprocess.PIPE,
    )
    async with soon(55):
        job_id = (await program.stdout.readline()).decode().strip()
        for _ in range(500):
            if len([*server.folder.glob("begun-*")]) == 3:
                break
            await asyncio.sleep(0.02)
        program.kill()
        await program.wait()
        await off_loop(server.marker("go").touch)
        backend = HttpBackend(server.url, KEY, asynchronous=True)
        async with gl.attach(job_id, storage, backend=backend) as job:
            assert await job == [0, 1, 2]


async def test_events_of_lambda(ministack, storage):
    options = {
        "execution_role": ROLE,
        "region": "us-east-1",
        "endpoint": ministack.endpoint,
        "access_key_id": ministack.user,
        "secret_access_key": ministack.secret,
        "namespace": "later",
        "asynchronous": True,
        "worker_processes": 2,
    }
    async with (
        soon(55),
        gl.AsyncExecutor("aws_lambda", backend_options=options, storage=storage) as executor,
    ):
        job = executor.map(work, range(4))
        results = await job.results(return_exceptions=True)
        assert [results[0], results[1], results[3]] == [0, 2, 6]
        assert isinstance(results[2], KeyError)
        assert await executor.submit(len, bytes(1 << 20)) == 1 << 20
    assert await left(storage) == []
