"""Pools over a real Valkey, with a stand-in for the API server and processes in place of pods."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

import greenlithops as gl
from greenlithops.backends.compute.kubernetes import exchange
from greenlithops.backends.compute.kubernetes.backend import kubernetes
from greenlithops.backends.compute.kubernetes.link import LEFT_SECONDS
from greenlithops.backends.compute.kubernetes.pods import AGENT
from greenlithops.errors import (
    CallCancelled,
    CallTimeout,
    WorkerLost,
)
from support.clock import soon


def work(number):
    print("number", number)
    if number == 5:
        raise KeyError("five")
    return number * 2


def slow(number):
    time.sleep(0.1)
    return number


def rest(seconds):
    time.sleep(seconds)


def where(_):
    time.sleep(0.01)
    return os.environ["GREENLITHOPS_POD"]


def kill(signal_number, *, parent=False):
    os.kill(os.getppid() if parent else os.getpid(), signal_number)
    time.sleep(60)


async def until(holds):
    """Wait until something holds in the stand-in, which tells nobody."""
    async with soon(20):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)


async def test_calls_results_errors_and_output(executor, cluster):
    job = executor.map(work, range(8))
    results = await job.results(return_exceptions=True)
    assert [one for n, one in enumerate(results) if n != 5] == [0, 2, 4, 6, 8, 12, 14]
    assert isinstance(results[5], KeyError)
    assert job[3].logs == "number 3\n"
    assert job[3].energy.kind == "estimated"
    assert len(cluster.of("Pod")) == 2


async def test_nothing_is_left_in_the_cluster_nor_in_redis(options, cluster, valkey):
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert await executor.submit(abs, -1) == 1
        assert {kind for kind, _ in cluster.objects} == {"Job", "Deployment", "Secret", "Pod"}
    await until(lambda: not cluster.objects)
    async with Redis.from_url(valkey.endpoint) as client:
        assert [key async for key in client.scan_iter(match="gl:*")] == []


async def test_keys_and_addresses_are_in_a_secret_only(options, cluster):
    async with soon(50), kubernetes(**options) as backend:
        spec = str(cluster.of("Deployment")[0]["spec"])
        assert backend.key.hex() not in spec
        assert "redis://" not in spec
        assert backend.key.hex() not in repr(backend.options)


async def test_the_calls_of_a_deleted_pod_go_to_others(executor, cluster):
    job = executor.map(slow, range(30))
    await executor.submit(abs, -1)
    cluster.delete_pod(cluster.of("Pod")[0]["metadata"]["name"])
    assert await job == list(range(30))


async def test_a_jobs_pod_that_is_told_to_end_early_has_not_done_its_part(valkey, tmp_path):
    settings = {
        "pool": "x", "key": "ab" * 32, "redis": {"url": valkey.endpoint}, "lease": 5, "attempts": 3,
    }  # fmt: skip
    file = tmp_path / "settings.json"
    await asyncio.to_thread(file.write_text, json.dumps(settings))
    calls = exchange.calls_key("x", "job-1")
    async with Redis.from_url(valkey.endpoint) as client:
        await client.xgroup_create(calls, exchange.GROUP, mkstream=True)
        # Somebody else's call: as long as it is there, there may be something to do.
        await client.xadd(calls, {"n": 1})
        await client.xreadgroup(exchange.GROUP, "other/1/0", {calls: ">"})
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", AGENT, file, "--once", "job-1"), stderr=subprocess.PIPE
        )
        try:
            async with soon(60):
                while len(await client.xinfo_consumers(calls, exchange.GROUP)) < 2:  # noqa: ASYNC110 - it is asked for
                    await asyncio.sleep(0.05)
                process.terminate()
                _, said = await process.communicate()
        finally:
            await client.delete(calls)
    assert process.returncode == 1
    assert b"told to end before its call had ended" in said


def rest_and_say(folder):
    Path(folder, os.environ["GREENLITHOPS_POD"]).touch()
    rest(600)


async def test_a_call_that_outlives_its_pods_fails_in_the_end(options, cluster, tmp_path):
    options |= {"attempts": 2, "max_workers": 1}
    folder = tmp_path / "runs"
    folder.mkdir()
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(rest_and_say, [str(folder)])
        for count in (1, 2):
            await until(lambda count=count: len(list(folder.iterdir())) == count)
            cluster.delete_pod(cluster.of("Pod")[0]["metadata"]["name"])
        with pytest.raises(WorkerLost, match="was deleted"):
            await job


async def test_what_kills_its_process_fails_alone(executor):
    with pytest.raises(WorkerLost, match="signal 11") as found:
        await executor.submit(kill, signal.SIGSEGV)
    assert found.value.signal == signal.SIGSEGV
    with pytest.raises(WorkerLost, match="exit code 3"):
        await executor.submit(os._exit, 3)
    with pytest.raises(WorkerLost, match="ended with 247"):
        await executor.submit(kill, signal.SIGKILL, parent=True)
    assert await executor.submit(abs, -1) == 1


@pytest.mark.parametrize("told", ["first", "last"])
async def test_workers_that_start_and_die_within_a_second(options, cluster, valkey, told):
    moment = cluster.now()
    cluster.now = lambda: moment  # before all workers, and after none
    options |= {"max_workers": 1, "lease_seconds": 30}
    if told == "last":
        cluster.hold.clear()
    async with soon(25), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.submit(kill, signal.SIGKILL, parent=True)
        if told == "last":
            name = cluster.of("Secret")[0]["metadata"]["name"].removeprefix("greenlithops-")
            async with Redis.from_url(valkey.endpoint) as client:
                while not await aside(client, f"gl:{{{name}}}:calls"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)  # Redis tells nobody of it
            cluster.hold.set()
        with pytest.raises(WorkerLost, match="ended with 247"):
            await job
        assert await executor.submit(abs, -1) == 1
        (pod,) = cluster.of("Pod")
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 1


async def aside(client, stream):
    """Return what workers found that their predecessors held."""
    try:
        rows = await client.xpending_range(stream, "workers", "-", "+", 10)
    except ResponseError:  # there is no stream yet
        return []
    return [row for row in rows if row["consumer"].endswith(b"/0/aside")]


async def test_a_timeout_ends_the_call_and_not_the_pod(options):
    options["max_workers"] = 1
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        first = await executor.submit(where, 0)
        with pytest.raises(CallTimeout):
            await executor.map(rest, [600], timeout=0.5)
        assert await executor.submit(where, 0) == first


async def test_the_limit_of_the_deployment(options):
    options["runtime_timeout"] = 0.5
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(CallTimeout, match="runtime_timeout"):
            await executor.submit(rest, 600)
        assert await executor.submit(abs, -1) == 1


async def test_cancelled_calls_are_stopped_where_they_run(options):
    options["max_workers"] = 1
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        await executor.submit(abs, -1)
        job = executor.map(rest, [600] * 3)
        await asyncio.sleep(0.3)
        job.cancel()
        with pytest.raises(CallCancelled):
            await job
        assert await executor.submit(abs, -2) == 2


async def test_a_stream_is_as_long_as_there_are_calls_to_run(options, valkey):
    """By that KEDA knows how many pods there should be, also after some were cancelled."""
    async with soon(50), Redis.from_url(valkey.endpoint) as client:

        async def streams():
            return {key async for key in client.scan_iter(match="gl:*:calls")}

        async def length(wanted):
            while await client.xlen(stream) != wanted:  # noqa: ASYNC110 - it is asked for
                await asyncio.sleep(0.02)

        others = await streams()  # of programs that were killed
        async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
            await executor.submit(abs, -1)
            (stream,) = await streams() - others
            await length(0)
            left = await client.ttl(stream)
            assert 0 < left <= LEFT_SECONDS, "it outlives a program that is killed"
            job = executor.map(rest, [600] * 3)
            await length(3)
            job[2].cancel()
            await length(2)
            job.cancel()
            await length(0)
            assert await executor.map(slow, range(4)) == list(range(4))
            await length(0)


@pytest.mark.parametrize("lost", ["kept", "lost"])
async def test_redis_goes_away_and_comes_back(options, server_guard, tmp_path, lost):
    from support.servers import start_valkey  # noqa: PLC0415 - a server of its own

    server = await asyncio.to_thread(start_valkey, tmp_path / "own", server_guard)
    options["redis"] = server.endpoint
    try:
        async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
            job = executor.map(slow, range(40))
            await executor.submit(abs, -1)
            if lost == "kept":
                await asyncio.to_thread(server.restart)
            else:
                async with Redis.from_url(server.endpoint) as client:
                    await client.flushall()
            assert await job == list(range(40))
    finally:
        await asyncio.to_thread(server.kill)


async def test_watches_go_on_after_the_server_forgot(executor, cluster):
    job = executor.map(slow, range(40))
    await executor.submit(abs, -1)
    cluster.forget()
    await asyncio.sleep(0.3)
    cluster.delete_pod(cluster.of("Pod")[0]["metadata"]["name"])
    assert await job == list(range(40))
    lists = [where for method, where in cluster.asked if method == "GET" and where.endswith("pods")]
    assert len(lists) >= 4  # list, watch, watch that was refused, list, watch


async def test_a_pool_goes_down_to_nothing_and_up_again(options, cluster):
    options["idle_seconds"] = 0.3
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert await executor.submit(abs, -1) == 1
        await until(lambda: not cluster.of("Pod"))
        assert await executor.submit(abs, -2) == 2


async def test_jobs_have_a_pod_for_each_call(options, cluster):
    options |= {"mode": "jobs", "max_workers": 4}
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert len(set(await executor.map(where, range(4)))) == 4
    posts = [where for method, where in cluster.asked if (method, where[-5:]) == ("POST", "/jobs")]
    assert len(posts) == 2  # the anchor, and one for all calls


async def test_a_pool_that_is_installed_is_used_and_left(options, cluster):
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as first:
        assert await first.submit(abs, -1) == 1
        name = cluster.of("Secret")[0]["metadata"]["name"]
        more = {"pool": name, "kubeconfig": options["kubeconfig"]}
        async with gl.AsyncExecutor("kubernetes", backend_options=more) as second:
            assert await second.submit(abs, -2) == 2
        assert await first.submit(abs, -3) == 3


async def test_what_lost_machines_left_is_deleted_by_the_next_program(options, cluster):
    async with soon(50), kubernetes(**options) as backend:
        left = dict(cluster.objects)
        anchor = cluster.of("Job")[0]
        assert anchor["metadata"]["name"] == f"greenlithops-{backend.session.name}"
        async with kubernetes(**options):
            await asyncio.sleep(0.2)
            assert left.keys() <= cluster.objects.keys(), "it is not lost"
        anchor["metadata"]["annotations"]["greenlithops.io/until"] = "1700000000"
        async with kubernetes(**options):
            await until(lambda: not left.keys() & cluster.objects.keys())
