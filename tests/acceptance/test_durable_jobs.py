"""Jobs in storage: attached to from elsewhere, gone on with after their client's death."""

# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import asyncio
import collections
import os
import signal
import subprocess
import sys
import time

import pytest

import greenlithops as gl
from greenlithops.errors import CallTimeout, NoSuchJob, ProtocolError
from greenlithops.offload import off_loop
from support.clock import BUSY, soon

SCRIPT = """
import asyncio, os, sys, time
import greenlithops as gl
from greenlithops.durable import lease
lease.SECONDS = 1.0
root, log, count, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])


class Square:
    def __init__(self, of):
        self.of, self.value = of, of * of


def work(number):
    time.sleep(seconds)
    with open(log, "a") as file:
        file.write(f"{number}\\n")
    if number == 3:
        raise ValueError("three")
    return Square(number)


async def main():
    storage = gl.AsyncStorage("localhost", root=root)
    async with storage, gl.AsyncExecutor(max_workers=2, storage=storage) as executor:
        job = executor.map(work, range(count), durable=True)
        print(job.id, flush=True)
        await job.results(return_exceptions=True)
        print("over", flush=True)


asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def own_key(monkeypatch):
    monkeypatch.setenv("GREENLITHOPS_KEY", "a key of this test")
    # A client that was killed is missed at once; one that lives may be slow on a busy machine.
    monkeypatch.setattr("greenlithops.durable.lease.SECONDS", BUSY)


@pytest.fixture
async def storage(tmp_path):
    async with gl.AsyncStorage("localhost", root=tmp_path / "storage") as storage:
        yield storage


@pytest.fixture
async def executor(storage):
    async with gl.AsyncExecutor(max_workers=2, storage=storage) as executor:
        yield executor


class Client:
    """A program that runs a durable job."""

    def __init__(self, folder, count, seconds):
        script = folder / "client.py"
        script.write_text(SCRIPT)
        self.log = folder / "log"
        self.log.touch()
        command = [sys.executable, str(script), str(folder / "storage"), str(self.log)]
        self.process = subprocess.Popen(
            [*command, str(count), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        self.job = self.process.stdout.readline().strip()

    def ran(self):
        return collections.Counter(int(line) for line in self.log.read_text().split())

    def until(self, calls):
        while len(self.ran()) < calls:
            time.sleep(0.02)

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def client(tmp_path):
    made = []

    def start(count, seconds=0.02):
        made.append(Client(tmp_path, count, seconds))
        return made[-1]

    yield start
    for one in made:
        one.end()


def values(results):
    return [result.value if hasattr(result, "value") else repr(result) for result in results]


def expected(count):
    return [n * n if n != 3 else "ValueError('three')" for n in range(count)]


async def test_a_job_is_finished_after_its_client_was_killed(client, executor):
    one = await off_loop(client, 60)
    await off_loop(one.until, 20)
    one.process.kill()
    async with soon(20):
        job = await executor.attach(one.job)
        done = job.progress.finished
        assert done >= 5
        assert values(await job.results(return_exceptions=True)) == expected(60)
    ran = await off_loop(one.ran)
    assert set(ran) == set(range(60))
    assert max(ran.values()) <= 2
    assert sum(ran.values()) < 60 + 25  # what was recorded was not run again


async def test_a_running_job_is_followed(client, executor):
    one = await off_loop(client, 60, 0.03)
    await off_loop(one.until, 10)
    async with soon(20):
        job = await executor.attach(one.job)
        first = job.progress.finished
        assert first < 60
        assert values(await job.results(return_exceptions=True)) == expected(60)
    assert set((await off_loop(one.ran)).values()) == {1}
    assert (await off_loop(one.process.stdout.read)).strip() == "over"


async def test_one_of_many_that_attach_goes_on_with_it(client, storage):
    one = await off_loop(client, 40)
    await off_loop(one.until, 10)
    one.process.kill()

    async def attach():
        async with gl.AsyncExecutor(max_workers=1, storage=storage) as executor:
            job = await executor.attach(one.job)
            return values(await job.results(return_exceptions=True))

    async with soon(30):
        assert await asyncio.gather(*(attach() for _ in range(3))) == [expected(40)] * 3
    ran = await off_loop(one.ran)
    assert max(ran.values()) <= 2
    assert sum(ran.values()) < 40 + 25


async def test_a_client_that_was_away_too_long_does_not_come_between(client, executor, monkeypatch):
    monkeypatch.setattr("greenlithops.durable.lease.SECONDS", 1.0)
    one = await off_loop(client, 80, 0.03)
    await off_loop(one.until, 10)
    one.process.send_signal(signal.SIGSTOP)
    async with soon(30):
        job = await executor.attach(one.job)
        results = await job.results(return_exceptions=True)
        assert values(results) == expected(80)
        one.process.send_signal(signal.SIGCONT)
        await off_loop(one.process.wait)
        again = await executor.attach(one.job)
        assert values(await again.results(return_exceptions=True)) == expected(80)


async def test_how_calls_ended_is_kept(storage):
    def work(number):
        print("number", number)
        if number == 1:
            time.sleep(30)
        if number == 2:
            os._exit(3)
        if number == 3:
            raise KeyError("three")
        return number, bytes(300_000)

    async with gl.AsyncExecutor(max_workers=2, storage=storage) as executor:
        job = executor.map(work, range(6), durable=True, timeout=0.5)
        job[5].cancel()
        first = await job.results(return_exceptions=True)
    async with gl.AsyncExecutor(max_workers=2, storage=storage) as executor:
        again = await executor.attach(job.id)
        second = await again.results(return_exceptions=True)
        assert again.id == job.id
        assert again.stats.cpu_seconds == pytest.approx(job.stats.cpu_seconds)
        assert again[4].logs == job[4].logs == "number 4\n"
        assert again[4].stats.start == pytest.approx(job[4].stats.start, abs=0.01)
        assert again[4].stats.worker == job[4].stats.worker
    assert [repr(value)[:40] for value in first] == [repr(value)[:40] for value in second]
    assert isinstance(second[1], CallTimeout)


async def test_inputs_of_any_kind(executor):
    async def numbers():
        for number in range(5):
            await asyncio.sleep(0)
            yield number

    for elements in (range(5), iter(range(5)), numbers()):
        job = executor.map(lambda x: x + 1, elements, durable=True)
        assert await job == [1, 2, 3, 4, 5]
        assert await (await executor.attach(job.id)) == [1, 2, 3, 4, 5]
    empty = executor.map(lambda x: x, [], durable=True)
    assert await empty == []


async def test_an_unknown_job(executor):
    with pytest.raises(NoSuchJob, match="20200101"):
        await executor.attach("20200101-000000-deadbeef")


@pytest.mark.parametrize("mine", [None, "storage", "another"])
@pytest.mark.parametrize("theirs", [None, "storage"])
async def test_a_job_is_found_whatever_bucket_is_usual(tmp_path, mine, theirs):
    def made(bucket):
        return gl.AsyncStorage("localhost", root=tmp_path / "objects", bucket=bucket)

    async with made(theirs) as storage, gl.AsyncExecutor(max_workers=1, storage=storage) as first:
        job = first.map(abs, [-1, -2], durable=True)
        await job
    async with made(mine) as storage, gl.attach(job.id, storage, max_workers=1) as again:
        assert await again == [1, 2]


async def test_somebody_elses_job_is_not_read(executor, monkeypatch):
    job = executor.map(abs, [-1], durable=True)
    assert await job == [1]
    monkeypatch.setenv("GREENLITHOPS_KEY", "another key")
    with pytest.raises(ProtocolError, match="GREENLITHOPS_KEY"):
        await executor.attach(job.id)


async def test_the_users_own_key_is_made_once_and_private(monkeypatch, tmp_path):
    from greenlithops.durable.seal import user_key
    from greenlithops.errors import ConfigurationError

    monkeypatch.delenv("GREENLITHOPS_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    key = await off_loop(user_key)
    assert len(key) == 64
    assert await off_loop(user_key) == key
    path = tmp_path / "greenlithops" / "key"
    assert await off_loop(os.listdir, path.parent) == ["key"]
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod"):
        await off_loop(user_key)


async def test_attaching_without_an_executor(executor, storage):
    job = executor.map(abs, [-1, -2], durable=True)
    await job
    async with gl.attach(job.id, storage, max_workers=1) as again:
        assert await again == [1, 2]
