"""What clusters do to pods: evict and preempt them, lose sight of nodes, restart what they need."""

import asyncio
import logging
import time

import pytest
import redis.asyncio as aioredis

import greenlithops as gl
from greenlithops.errors import WorkerLost


def slow(number, seconds=0.3):
    time.sleep(seconds)
    return number


def first_slow(number):
    time.sleep(2 if number < 2 else 0.2)
    return number


async def test_the_calls_of_a_deleted_pod_go_to_others(options, kube):
    options["grace_seconds"] = 0
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(slow, range(40))
        victim = (await kube.running(2))[0]
        await asyncio.sleep(1)
        await kube.api.delete("Pod", victim)
        assert await job == list(range(40))


async def test_redis_is_restarted(options, redis):
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(slow, range(30))
        await executor.submit(abs, -1)
        await asyncio.to_thread(redis.server.restart)
        assert await job == list(range(30))


async def test_redis_loses_its_data(options, redis):
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(slow, range(30))
        await executor.submit(abs, -1)
        async with aioredis.Redis.from_url(redis.url) as client:
            await client.flushall()
        assert await job == list(range(30))


async def test_the_api_server_is_restarted(options, machinery, kube, caplog):
    caplog.set_level(logging.DEBUG, "greenlithops.backends.compute.kubernetes.watch")
    options["grace_seconds"] = 0
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(slow, range(60))
        await executor.submit(abs, -1)
        await machinery.restart_api()
        victim = (await kube.running(1))[0]  # the watches hear again
        await kube.api.delete("Pod", victim)
        assert await job == list(range(60))
    assert "has forgotten what was heard last" in caplog.text  # resource versions have expired


async def test_the_kubelet_is_stopped_for_a_while(options, machinery):
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(slow, range(40))
        await executor.submit(abs, -1)
        with machinery.suspended("kubelet"):
            await asyncio.sleep(3)
        assert await job == list(range(40))


async def test_the_calls_of_an_evicted_pod_go_to_others(options, kube):
    options["grace_seconds"] = 0
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(slow, range(40))
        victim = (await kube.running(2))[0]
        await executor.submit(abs, -1)
        await kube.evict(victim)
        assert await job == list(range(40))
        assert len(job) == 40


async def test_a_call_says_that_its_pods_were_evicted(options, kube):
    options |= {"grace_seconds": 0, "attempts": 1, "max_workers": 1}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        await executor.submit(abs, -1)
        call = executor.submit(slow, 1, 600)
        (victim,) = await kube.running(1)
        await asyncio.sleep(2)  # until it runs there
        await kube.evict(victim)
        with pytest.raises(WorkerLost, match=victim):
            await call


def bulky(name, priority_class, cpu):
    """Return a pod that does nothing, and needs much for it."""
    container = {
        "name": "one", "image": "localhost/pause:1", "imagePullPolicy": "Never",
        "resources": {"requests": {"cpu": cpu}},
    }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "priorityClassName": priority_class,
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
        },
    }


async def test_the_calls_of_preempted_pods_wait_for_others(options, kube):
    node = await kube.node()
    cpus = int(node["status"]["allocatable"]["cpu"])
    async with kube.priorities(low=-10, high=10) as names:
        # Two pods fill the node, so that what has more priority must take the place of one.
        options |= {
            "grace_seconds": 0, "priority_class": names["low"], "cpu": f"{cpus * 400}m",
            "unschedulable_seconds": 120,
        }  # fmt: skip
        async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
            job = executor.map(slow, range(60))
            workers = set(await kube.running(2))
            await kube.api.create(bulky("urgent", names["high"], f"{cpus * 500}m"))
            while workers <= set(await kube.names("Pod")):  # noqa: ASYNC110 - it is asked for
                await asyncio.sleep(0.2)
            assert await job == list(range(60))
        await kube.api.delete("Pod", "urgent")


async def test_the_kubelet_is_stopped_and_started(options, machinery, kube):
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(slow, range(40))
        await kube.running(2)
        await executor.submit(abs, -1)
        await machinery.restart_kubelet()
        assert await job == list(range(40))
        assert await executor.submit(abs, -2) == 2
        await kube.ready()


async def test_a_pod_is_deleted_while_the_kubelet_is_away(options, machinery, kube):
    options |= {"grace_seconds": 0, "lease_seconds": 2}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(slow, range(40))
        victim = (await kube.running(2))[0]
        await executor.submit(abs, -1)
        with machinery.suspended("kubelet"):
            await kube.api.delete("Pod", victim)
            await asyncio.sleep(3)
        assert await job == list(range(40))


async def test_a_node_is_lost_and_comes_back(options, machinery, kube):
    hasty = options | {"unschedulable_seconds": 1}
    unreachable = {
        "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
        "tolerationSeconds": 1,
    }  # fmt: skip
    patient = options | {"unschedulable_seconds": 300, "tolerations": [unreachable]}
    async with (
        kube.spare_node(),
        gl.AsyncExecutor("kubernetes", backend_options=hasty) as one,
        gl.AsyncExecutor("kubernetes", backend_options=patient) as other,
    ):
        call, job = one.submit(slow, 1, 600), other.map(slow, range(60))
        await other.submit(abs, -1)
        workers = await kube.running(3)
        async with machinery.without_kubelet(*workers):
            with pytest.raises(WorkerLost, match=r"gives no sign \(NodeNotReady\)"):
                await call
            while not any(map(deleted, await kube.items("Pod"))):  # noqa: ASYNC110 - it is asked for
                await asyncio.sleep(0.2)
        assert await job == list(range(60))
        assert not job[59].stats.worker.startswith(tuple(workers))
        await kube.ready()


def deleted(pod):
    return "deletionTimestamp" in pod["metadata"]


async def test_jobs_with_a_pod_for_each_call_survive_the_loss_of_one(options, kube):
    options |= {"mode": "jobs", "grace_seconds": 0}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(first_slow, range(4))
        await kube.api.delete("Pod", (await kube.running(1))[0])
        assert await job == list(range(4))
