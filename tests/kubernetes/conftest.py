"""A real cluster, a Redis that its pods reach, and a namespace in which nothing may be left."""

import asyncio
import contextlib
import os
import random
import secrets
import signal
import subprocess
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from greenlithops.backends.compute.kubernetes.api import Api, path
from greenlithops.backends.compute.kubernetes.options import KubernetesOptions
from support import leaks
from support.servers import environment
from support.servers.process import Process, Server

MANAGED = "app.kubernetes.io/managed-by=greenlithops"
IMAGE = os.environ.get("GREENLITHOPS_TEST_IMAGE", "localhost/greenlithops:test")
#: this machine, as pods reach it
HOST = os.environ.get("GREENLITHOPS_TEST_HOST", "10.90.0.1")
GONE_SECONDS = 180


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.kubernetes)
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="session", autouse=True)
def imported():
    """Import what takes seconds, and warns, before a test is blamed for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kubernetes_asyncio.client  # noqa: PLC0415 - see above
        import kubernetes_asyncio.config  # noqa: F401, PLC0415 - see above


class Redis:
    """A Valkey with a password, which keeps what it has when it is started again."""

    def __init__(self, folder, guard):
        self.password = secrets.token_hex(8)
        self.port = random.SystemRandom().randrange(12_000, 32_000)
        folder.mkdir()
        command = [
            *(environment.program("valkey-server"), "--bind", HOST, "--port", self.port),
            *("--requirepass", self.password, "--save", "", "--appendonly", "yes"),
            *("--appendfsync", "always", "--dir", folder),
        ]
        process = Process(command, folder, {}, self._ready, guard)
        self.server = Server(f"redis://{HOST}:{self.port}", folder, process)
        process.start()

    def _ready(self):
        import socket  # noqa: PLC0415 - only here

        socket.create_connection((HOST, self.port), 1).close()

    @property
    def url(self):
        return f"redis://:{self.password}@{HOST}:{self.port}"


@pytest.fixture(scope="session")
def redis(server_guard, tmp_path_factory):
    one = Redis(tmp_path_factory.mktemp("redis") / "data", server_guard)
    yield one
    one.server.kill()


class Kube:
    """What tests ask of the API server themselves."""

    def __init__(self, api):
        self.api = api
        self.namespace = api.namespace

    async def items(self, kind, selector=MANAGED):
        query = [("labelSelector", selector)] if selector else []
        return (await self.api.list(path(kind, self.namespace), query))["items"]

    async def names(self, kind, selector=MANAGED):
        return [one["metadata"]["name"] for one in await self.items(kind, selector)]

    async def running(self, count):
        """Wait until so many pods run; return their names."""
        while True:
            found = [
                one["metadata"]["name"]
                for one in await self.items("Pod")
                if one["status"].get("phase") == "Running"
                and not one["metadata"].get("deletionTimestamp")
            ]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)

    async def evict(self, name):
        """Have a pod evicted, as those do who drain a node."""
        eviction = {
            "apiVersion": "policy/v1beta1" if await self.api.version() < (1, 22) else "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": self.namespace},
            "deleteOptions": {"gracePeriodSeconds": 0},
        }
        await self.api.request("POST", path("Pod", self.namespace, name, "/eviction"), eviction)

    async def node(self):
        """Return a node on which pods may run."""
        found = (await self.api.list(path("Node", None), []))["items"]
        return next(one for one in found if not one["spec"].get("unschedulable"))

    async def ready(self):
        """Wait until the cluster says that its node is ready, and lets pods go there."""
        while True:
            node = await self.node()
            conditions = node["status"]["conditions"]
            well = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
            if well and not node["spec"].get("taints"):
                return
            await asyncio.sleep(0.2)

    @contextlib.asynccontextmanager
    async def priorities(self, **values):
        """Give names of priority classes that are there meanwhile."""
        place = "/apis/scheduling.k8s.io/v1/priorityclasses"
        names = {name: f"{self.namespace}-{name}" for name in values}
        for name, value in values.items():
            made = {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": names[name]},
                "value": value,
            }
            await self.api.request("POST", place, made)
        try:
            yield names
        finally:
            for name in names.values():
                await self.api.request("DELETE", f"{place}/{name}", {})

    @contextlib.asynccontextmanager
    async def spare_node(self):
        """Have a second node that is well, but takes no pods.

        A cluster that hears of no node at all blames itself, and takes pods from none.
        """
        place, name = path("Node", None), f"{self.namespace}-spare"
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
        await self.api.request("POST", place, node | {"spec": {"unschedulable": True}})

        async def beat():
            merge = "application/merge-patch+json"
            while True:
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                well = {"type": "Ready", "status": "True", "reason": "Spare"}
                change = {"status": {"conditions": [well | {"lastHeartbeatTime": now}]}}
                await self.api.request("PATCH", f"{place}/{name}/status", change, content=merge)
                await asyncio.sleep(1)

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            await self.api.request("DELETE", f"{place}/{name}", {})

    async def left(self):
        found = {}
        for kind in ("Pod", "Job", "Deployment", "Secret"):
            if names := await self.names(kind):
                found[kind] = names
        return found

    async def nothing_left(self, test=""):
        """Wait until the namespace has nothing of ours."""
        for _ in range(GONE_SECONDS * 5):
            if not (found := await self.left()):
                return
            await asyncio.sleep(0.2)
        raise AssertionError(f"left in the namespace {self.namespace} by {test}: {found}")


async def emptied(namespaces):
    """Wait until nothing is left of the tests, and delete their namespaces."""
    for name, test in namespaces.items():
        api = await Api.open(KubernetesOptions(image=IMAGE, namespace=name))
        try:
            await Kube(api).nothing_left(test)
        finally:
            await api.request("DELETE", f"/api/v1/namespaces/{name}", {})
            await api.close()


@pytest.fixture(scope="session")
def namespaces():
    """Those of all tests, by name. Pods take a while to end: nobody waits before the last test."""
    found = {}
    yield found
    asyncio.run(emptied(found))


@pytest.fixture
async def kube(namespaces, request):
    """A namespace of its own; in the end nothing is left in it, or the last test fails."""
    name = f"gl-{secrets.token_hex(4)}"
    api = await Api.open(KubernetesOptions(image=IMAGE, namespace=name))
    await api.request(
        "POST",
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
    )
    namespaces[name] = request.node.name
    try:
        yield Kube(api)
    finally:
        await api.close()


@pytest.fixture
def options(kube, redis):
    return {
        "image": IMAGE,
        "redis": redis.url,
        "namespace": kube.namespace,
        "cpu": "50m",
        "memory": "160Mi",
        "max_workers": 2,
        "lease_seconds": 5,
        "grace_seconds": 3,
        "image_pull_policy": "IfNotPresent",
    }


def kill_inside(pods):
    """Kill what runs in pods, as seen from their node."""
    marks = {f"GREENLITHOPS_POD={name}".encode() for name in pods}
    for place in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if marks & set(place.read_bytes().split(b"\0")):
                os.kill(int(place.parent.name), signal.SIGKILL)


class Machinery:
    """The processes of a cluster that runs on this machine, which tests stop and start."""

    def __init__(self, program):
        self._program = program
        self._run = Path(os.environ["KUBECONFIG"]).parent

    async def restart_api(self):
        # It is the cluster's, not the test's.
        unmarked = {name: value for name, value in os.environ.items() if name != leaks.MARK}
        command = ["bash", self._program, "restart-api"]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=60, env=unmarked)

    async def restart_kubelet(self, seconds=3):
        """Kill the kubelet; some seconds later, have the cluster start one again."""
        async with self.without_kubelet():
            await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def without_kubelet(self, *pods):
        """Kill the kubelet, and all that runs in some pods; in the end have another one started."""
        pid = int((self._run / "kubelet.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}/exe").exists():  # noqa: ASYNC110, ASYNC240 - the kernel tells nobody
            await asyncio.sleep(0.1)
        await asyncio.to_thread(kill_inside, pods)
        try:
            yield
        finally:
            unmarked = {name: value for name, value in os.environ.items() if name != leaks.MARK}
            command = ["bash", self._program, "up"]
            await asyncio.to_thread(
                subprocess.run, command, check=True, timeout=150, env=unmarked, capture_output=True
            )

    @contextlib.contextmanager
    def suspended(self, name):
        """Stop a process of the cluster for a while."""
        pid = int((self._run / f"{name}.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def machinery():
    """The cluster's own processes; CLUSTER names the program that runs them."""
    program = os.environ.get("CLUSTER")
    if not program:
        pytest.fail("this test stops parts of the cluster: give CLUSTER=program, which runs it")
    return Machinery(program)
