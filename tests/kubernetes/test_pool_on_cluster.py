"""A pool of pods on a real cluster: calls, their errors, and what nobody wants to happen."""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import greenlithops as gl
from greenlithops.backends.compute.kubernetes.backend import kubernetes
from greenlithops.errors import (
    CallCancelled,
    CallTimeout,
    ConfigurationError,
    OutOfMemory,
    ServiceRefused,
    WorkerLost,
)

IMAGE = os.environ.get("GREENLITHOPS_TEST_IMAGE", "localhost/greenlithops:test")


def work(number):
    print("number", number)
    if number == 5:
        raise KeyError("five")
    return number * 2, os.uname().nodename


def slow(number, seconds=0.3):
    time.sleep(seconds)
    return number


def where(_):
    time.sleep(0.005)
    return os.uname().nodename


def greedy(megabytes):
    return len(bytearray(megabytes << 20))


async def test_calls_results_errors_and_output(options):
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(work, range(8))
        results = await job.results(return_exceptions=True)
        assert [one[0] for n, one in enumerate(results) if n != 5] == [0, 2, 4, 6, 8, 12, 14]
        assert isinstance(results[5], KeyError)
        assert "in work" in "".join(results[5].__notes__)
        assert job[3].logs == "number 3\n"
        assert job[3].energy.kind == "estimated"
        assert job[0].stats.worker.startswith("greenlithops-")


async def test_a_thousand_calls_through_four_pods(options, kube):
    options["max_workers"] = 4
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(where, range(1000))
        pods = await job
        assert len(pods) == 1000
        assert 2 <= len(set(pods)) <= 4
        assert await kube.running(1)


async def test_a_warm_call_is_answered_in_milliseconds(options, capsys):
    options["max_workers"] = options["min_workers"] = 1
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        await executor.submit(abs, -1)
        took = []
        for number in range(100):
            begin = time.perf_counter()
            assert await executor.submit(abs, -number) == number
            took.append(time.perf_counter() - begin)
    with capsys.disabled():
        print(f"\nwarm call: median {statistics.median(took) * 1e3:.1f} ms of {len(took)}")


async def test_map_reduce(options):
    texts = ["a rose is a rose", "is a rose", "a"]
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert await executor.map_reduce(count_words, texts, add_up) == {"a": 4, "rose": 3, "is": 2}


def count_words(text):
    words = text.split()
    return {word: words.count(word) for word in words}


def add_up(results):
    total = {}
    for found in results:
        for word, count in found.items():
            total[word] = total.get(word, 0) + count
    return total


async def test_a_call_without_memory_fails_and_says_so(options, kube):
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(OutOfMemory, match="memory"):
            await executor.submit(greedy, 1000)
        assert await executor.submit(greedy, 10) == 10 << 20


async def test_a_call_without_memory_gets_more_on_request(options):
    options |= {"more_memory": 2}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert await executor.submit(greedy, 400) == 400 << 20


def kill(what, number):
    os.kill(os.getppid() if what == "agent" else os.getpid(), number)
    time.sleep(60)


async def test_what_kills_its_process_fails_alone(options):
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(WorkerLost, match="signal 11") as found:
            await executor.submit(kill, "child", signal.SIGSEGV)
        assert found.value.signal == signal.SIGSEGV
        with pytest.raises(WorkerLost, match="exit code 3"):
            await executor.submit(os._exit, 3)
        assert await executor.submit(abs, -1) == 1


async def test_a_timeout_ends_the_call_and_not_the_pod(options):
    options["max_workers"] = 1
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        first = await executor.submit(where, 0)
        with pytest.raises(CallTimeout):
            await executor.map(slow_for_ever, [1], timeout=1)
        assert await executor.submit(where, 0) == first


def slow_for_ever(_):
    time.sleep(600)


async def test_cancelled_calls_are_stopped_where_they_run(options):
    options["max_workers"] = 1
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        await executor.submit(abs, -1)
        job = executor.map(slow_for_ever, range(3))
        await asyncio.sleep(1)
        job.cancel()
        with pytest.raises(CallCancelled):
            await job
        assert await asyncio.wait_for(executor.submit(abs, -2), 10) == 2


async def test_an_image_that_is_not_there(options):
    options |= {"image": "localhost/no-such-image:1", "image_pull_policy": "Never"}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        begin = time.monotonic()
        with pytest.raises(ServiceRefused, match="ErrImageNeverPull"):
            await executor.submit(abs, -1)
        print(time.monotonic() - begin)


async def test_an_image_that_cannot_be_pulled(options):
    options |= {"image": "127.0.0.1:9/no-such-image:1", "image_pull_policy": "Always"}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(ServiceRefused, match="cannot be pulled"):
            await executor.submit(abs, -1)


async def test_pods_that_find_no_place(options):
    options |= {"cpu": 1000, "unschedulable_seconds": 1}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(ServiceRefused, match=r"Unschedulable.*Insufficient cpu"):
            await executor.submit(abs, -1)


async def test_pods_that_do_not_reach_redis(options):
    options["worker_redis"] = "redis://10.90.0.1:9"
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(ServiceRefused, match="Redis is not reached from this pod"):
            await executor.submit(abs, -1)


async def test_a_quota_of_zero(options, kube):
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    await kube.api.request("POST", f"/api/v1/namespaces/{kube.namespace}/resourcequotas", quota)
    await asyncio.sleep(1)  # until the quota is in force
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(ServiceRefused, match="exceeded quota"):
            await executor.submit(abs, -1)


async def test_a_namespace_without_rights(options, tmp_path):
    file = tmp_path / "config"
    text = await asyncio.to_thread(Path(os.environ["KUBECONFIG"]).read_text)
    file.write_text(text.replace("admintoken", "usertoken"))
    options["kubeconfig"] = str(file)
    with pytest.raises(ServiceRefused, match=r"403.*rights"):
        async with kubernetes(**options):
            pass


async def test_what_the_server_does_not_know_is_refused_before_anything_is_sent(options, kube):
    options["pod_template"] = {"spec": {"containers": [], "nodeSelektor": {"a": "b"}}}
    with pytest.raises(ConfigurationError, match="did you mean 'nodeSelector'"):
        async with kubernetes(**options):
            pass
    assert not await kube.left()


PROGRAM = """
import asyncio, json, sys, time
import greenlithops as gl

async def main():
    options = json.loads(sys.argv[1])
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        print(await executor.submit(abs, -1), flush=True)
        await executor.map(time.sleep, [600] * 4)

asyncio.run(main())
"""


async def test_a_killed_client_leaves_nothing(options, kube):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, json.dumps(options)), stdout=subprocess.PIPE
    )
    assert await process.stdout.readline() == b"1\n"
    assert await kube.running(1)
    process.kill()
    await process.wait()
    await kube.nothing_left()


async def test_a_pool_goes_down_to_nothing_and_up_again(options, kube):
    options["idle_seconds"] = 1
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert await executor.submit(abs, -1) == 1
        while await kube.names("Pod"):  # noqa: ASYNC110 - it is asked for
            await asyncio.sleep(0.2)
        assert await executor.submit(abs, -2) == 2


async def test_jobs_have_a_pod_for_each_call(options, kube):
    options |= {"mode": "jobs", "max_workers": 4}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        pods = await executor.map(where, range(6))
        assert len(set(pods)) == 6
        with pytest.raises(OutOfMemory):
            await executor.submit(greedy, 1000)
