"""Replies in parts, and calls of one invocation in several processes, under a real server."""

import asyncio
import os
import signal
import time
from pathlib import Path

import aiohttp
import numpy as np
import pytest

import greenlithops as gl
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.errors import CallTimeout, WorkerLost
from greenlithops.offload import off_loop
from greenlithops.worker.invocation import STREAM
from support.clock import soon

KEY = "the key of these tests"


@pytest.fixture
async def server(serve):
    return await off_loop(serve)


def nap(seconds):
    time.sleep(seconds)
    return seconds


def arrive(place):
    """Say who was here and when."""
    time.sleep(0.2)
    return place, os.getpid(), time.monotonic()


async def test_results_come_as_they_finish(server):
    """The last call of the invocation does not end before the first results are here."""
    async with soon(30), gl.AsyncExecutor(HttpBackend(server.url, KEY), chunksize=4) as executor:
        job = executor.map(until, [None, None, server.marker("go"), None])
        assert await job[0] == "at once"
        assert await job[1] == "at once"
        await off_loop(server.marker("go").touch)
        assert await job == ["at once", "at once", "told", "at once"]


def until(path):
    while path is not None:
        if path.exists():
            return "told"
        time.sleep(0.01)
    return "at once"


async def test_many_short_calls_share_messages(server):
    backend = HttpBackend(server.url, KEY)
    stream, parts = backend.stream, []

    async def counting(body):
        async for reply in stream(body):
            parts.append(reply)
            yield reply

    backend.stream = counting
    async with soon(30), gl.AsyncExecutor(backend, chunksize=2000) as executor:
        assert await executor.map(abs, range(-2000, 0)) == list(range(2000, 0, -1))
    assert len(parts) < 500


async def test_a_reply_that_is_cut_loses_what_was_not_told(server):
    async with soon(30), gl.AsyncExecutor(HttpBackend(server.url, KEY), chunksize=6) as executor:
        job = executor.map(die_at, [(place, 3) for place in range(6)])
        results = await job.results(return_exceptions=True)
    assert results[:3] == [0, 1, 2]
    assert all(isinstance(error, WorkerLost) for error in results[3:])


def die_at(place, last):
    if place == last:
        time.sleep(1.5)  # what was before is told by then
        os.kill(os.getpid(), signal.SIGKILL)
    return place


async def test_timeouts_are_of_calls_and_not_of_invocations(server):
    async with soon(30), gl.AsyncExecutor(HttpBackend(server.url, KEY), chunksize=3) as executor:
        assert await executor.submit(nap, 0.01) == 0.01  # the service has started
        results = await executor.map(nap, [0.1, 0.2, 30.0], timeout=3.0).results(
            return_exceptions=True
        )
    assert results[:2] == [0.1, 0.2]
    assert isinstance(results[2], CallTimeout)


async def test_a_service_stops_when_its_client_is_gone(server):
    """Of ten calls that each leave a mark, the service makes no more after a cancellation."""
    async with soon(30), gl.AsyncExecutor(HttpBackend(server.url, KEY), chunksize=20) as executor:
        folder = server.marker("marks")
        await off_loop(folder.mkdir)
        job = executor.map(mark, [(folder, place) for place in range(20)])
        assert await job[0] == 0
        job.cancel()
        await asyncio.sleep(0.5)
        before = len([*folder.iterdir()])
        await asyncio.sleep(0.5)
        assert len([*folder.iterdir()]) == before < 20


def mark(folder, place):
    (folder / str(place)).touch()
    time.sleep(0.1)
    return place


async def test_clients_that_know_no_streams_get_one_message(server):
    """As another program, or an older client, asks."""
    bodies = []
    backend = HttpBackend(server.url, KEY)
    stream = backend.stream

    async def listening(body):
        bodies.append(body)
        async for reply in stream(body):
            yield reply

    backend.stream = listening
    async with soon(30), gl.AsyncExecutor(backend, chunksize=3) as executor:
        assert await executor.map(nap, [0.05, 0.05, 0.05]) == [0.05] * 3
    async with soon(30), aiohttp.ClientSession() as session:
        async with session.post(server.url, data=bodies[-1]) as response:
            assert response.content_type == "application/octet-stream"
            assert response.content_length == len(await response.read())
        async with session.post(
            server.url, data=bodies[-1], headers={"Accept": STREAM}
        ) as response:
            assert response.content_type == STREAM
            assert response.content_length is None


# Processes.


@pytest.fixture
async def four(server):
    backend = HttpBackend(server.url, KEY, worker_processes=4)
    async with gl.AsyncExecutor(backend, max_workers=1) as executor:
        yield executor


async def test_calls_of_an_invocation_run_side_by_side(four):
    async with soon(40):
        first = await four.map(arrive, range(8))
        again = await four.map(arrive, range(8))
    assert [place for place, _, _ in first] == list(range(8))
    assert {pid for _, pid, _ in first} & {pid for _, pid, _ in again}, "they live on"


async def test_errors_output_and_figures_of_processes(four):
    async with soon(40):
        job = four.map(speak, range(4))
        results = await job.results(return_exceptions=True)
        assert [job[place].logs for place in (0, 1, 3)] == ["0\n", "1\n", "3\n"]
    assert results[:2] == [0, 10]
    assert isinstance(results[2], KeyError)
    assert "in speak" in "".join(results[2].__notes__)
    assert abs(job[0].stats.start - time.time()) < 30
    assert job[3].stats.cpu_seconds > 0.02


def speak(place):
    print(place)
    if place == 2:
        raise KeyError("two")
    end = time.process_time() + 0.03
    while time.process_time() < end:
        pass
    return place * 10


async def test_a_process_that_dies_takes_its_own_call_only(four):
    async with soon(40):
        results = await four.map(leave, range(8)).results(return_exceptions=True)
    for place, result in enumerate(results):
        if place == 2:
            assert isinstance(result, WorkerLost)
            assert result.exit_code == 3
        elif place == 5:
            assert isinstance(result, WorkerLost)
            assert result.signal == signal.SIGKILL
        else:
            assert result == place


def leave(place):
    if place == 2:
        os._exit(3)
    if place == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return place


async def test_a_process_is_stopped_when_its_call_takes_too_long(four):
    async with soon(40):
        assert await four.map(nap, [0.01] * 4) == [0.01] * 4  # they have started
        results = await four.map(nap, [0.01, 60.0, 0.01, 0.01], timeout=4.0).results(
            return_exceptions=True
        )
        assert [results[0], *results[2:]] == [0.01] * 3
        assert isinstance(results[1], CallTimeout)
        assert await four.map(nap, [0.01] * 4) == [0.01] * 4


async def test_a_process_that_ended_while_it_was_free(four):
    async with soon(40):
        pids = {pid for _, pid, _ in await four.map(arrive, range(4))}
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for _ in range(500):
            if all(has_ended(pid) for pid in pids):
                break
            await asyncio.sleep(0.02)
        again = {pid for _, pid, _ in await four.map(arrive, range(4))}
    assert not pids & again


async def test_arrays_and_coroutines_in_processes(four):
    async def scale(array, by):
        await asyncio.sleep(0.01)
        return array * by

    arrays = [np.full(100_000, float(place)) for place in range(4)]
    async with soon(40):
        results = await four.map(scale, [(array, 2.0) for array in arrays])
    for place, result in enumerate(results):
        assert result.flags.writeable
        assert (result == 2.0 * place).all()


class Apple:
    def __init__(self, weight):
        self.weight = weight


class Pear(Apple):
    pass


def heavier(fruit):
    return type(fruit)(fruit.weight + 1)


@pytest.mark.parametrize("processes", [1, 2])
async def test_classes_that_come_one_after_the_other(server, processes):
    """The second class comes when the service has the function already."""
    backend = HttpBackend(server.url, KEY, worker_processes=processes)
    async with soon(40), gl.AsyncExecutor(backend, max_workers=1) as executor:
        async for future in executor.map(heavier, slowly([Apple, Apple, Pear, Apple, Pear, Pear])):
            assert future is not None
        fruits = await executor.map(heavier, [Apple(1), Pear(2), Apple(3)])
    assert [type(fruit) for fruit in fruits] == [Apple, Pear, Apple]
    assert [fruit.weight for fruit in fruits] == [2, 3, 4]


async def slowly(kinds):
    for kind in kinds:
        await asyncio.sleep(0.1)
        yield kind(1)


async def test_processes_end_with_their_service(serve):
    server = await off_loop(serve)
    backend = HttpBackend(server.url, KEY, worker_processes=2)
    async with soon(40), gl.AsyncExecutor(backend, max_workers=1) as executor:
        pids = {pid for _, pid, _ in await executor.map(arrive, range(4))}
        await off_loop(server.end)
        for _ in range(200):
            if not any(is_there(pid) for pid in pids):
                return
            await asyncio.sleep(0.02)
    raise AssertionError("processes are left")


def has_ended(pid):
    """Say whether a process has ended that its parent may not have asked about."""
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "Z"


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
