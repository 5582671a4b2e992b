"""Calls measured on a real node with emulated counters: by the DaemonSet, and by pods alone."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest
import yaml

import greenlithops as gl
from greenlithops.testing.meters import PowercapTree
from support.burning import burning

WATTS = 60.0
RECIPE = Path(__file__).parents[2] / "deploy" / "kubernetes" / "energy-daemonset.yaml"
METER = os.environ.get("GREENLITHOPS_TEST_METER", "localhost/greenlithops-meter:test")
PAGE = Path("/run/greenlithops")


def busy(seconds):
    stop = time.process_time() + seconds
    while time.process_time() < stop:
        pass
    return os.environ["GREENLITHOPS_POD"]


def made(folder):
    """Return a node's sysfs, whose links are right wherever it is mounted, and its package."""
    tree = PowercapTree(folder)
    zone = tree.zone("intel-rapl:0", "package-0", energy=10**15)
    for link in tree.root.iterdir():
        target = os.path.relpath(link.resolve(), tree.root)
        link.unlink()
        link.symlink_to(target)
    return tree, zone


@pytest.fixture
async def sysfs(tmp_path):
    """A node's sysfs with one package that burns steadily."""
    tree, zone = await asyncio.to_thread(made, tmp_path / "sys")
    async with burning(zone, WATTS):
        yield tree.sysfs


@pytest.fixture
async def daemonset(kube, sysfs):
    """The recipe's meter, in the test's namespace."""
    _, made = await asyncio.to_thread(lambda: list(yaml.safe_load_all(RECIPE.read_text())))
    made["metadata"]["namespace"] = kube.namespace
    spec = made["spec"]["template"]["spec"]
    next(v for v in spec["volumes"] if v["name"] == "sys")["hostPath"]["path"] = str(sysfs)
    (meter,) = spec["containers"]
    assert meter["command"][0] == "greenlithops"
    meter |= {"image": METER, "command": ["python3", "-m", *meter["command"]]}
    place = f"/apis/apps/v1/namespaces/{kube.namespace}/daemonsets"
    await kube.api.request("POST", place, made)
    try:
        name = f"{place}/{made['metadata']['name']}"
        while not (await kube.api.request("GET", name))["status"].get("numberReady"):  # noqa: ASYNC110 - it is asked for
            await asyncio.sleep(0.5)
        yield made
    finally:
        await kube.api.request("DELETE", name, {"propagationPolicy": "Foreground"})
        while await kube.items("Pod", "app.kubernetes.io/name=energy-meter"):  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.5)
        await asyncio.to_thread(shutil.rmtree, PAGE, ignore_errors=True)


async def measured(options, method):
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        await executor.map(busy, [0.1] * 4)
        begin = time.monotonic()
        job = executor.map(busy, [0.5] * 8)
        pods = await job
        took = time.monotonic() - begin
        found = job.energy
        assert (found.kind, found.method, found.calls) == ("measured", method, 8)
        # All pods share one machine: together they cannot have more than it has burned.
        assert 0 < found.joules <= 1.1 * WATTS * took
        assert set(found.domains) == {"package"}
        calls = [one.energy for one in job]
        assert {one.kind for one in calls} == {"measured"}
        assert sum(one.joules for one in calls) == pytest.approx(found.joules)
        return pods


@pytest.mark.usefixtures("daemonset")
async def test_one_meter_of_a_node_measures_all_its_pods(options):
    pods = await measured(options | {"node_energy": True}, "node:powercap")
    assert len(set(pods)) == 2


async def test_pods_read_the_nodes_counters_themselves(options, sysfs):
    await measured(options | {"node_energy": str(sysfs)}, "powercap")


async def test_without_a_meter_the_nodes_machine_type_is_taken(options, kube):
    node = (await kube.node())["metadata"]["name"]
    label = "node.kubernetes.io/instance-type"
    place = f"/api/v1/nodes/{node}"
    merge = "application/merge-patch+json"
    change = {"metadata": {"labels": {label: "m6i.large"}}}
    await kube.api.request("PATCH", place, change, content=merge)
    try:
        async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
            job = executor.map(busy, [0.05] * 2)
            await job
            assert (job.energy.kind, job.energy.method) == ("estimated", "serverless")
            assert "m6i.large (Ice Lake)" in job.energy.reason
    finally:
        change["metadata"]["labels"][label] = None
        await kube.api.request("PATCH", place, change, content=merge)
