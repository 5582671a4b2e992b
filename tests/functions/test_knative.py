"""Calls in a Knative Service: a stand-in for the cluster, and the worker's own application."""

import os
import signal
import time

import pytest

import greenlithops as gl
from greenlithops.backends.compute.knative.address import address
from greenlithops.backends.compute.knative.backend import knative
from greenlithops.backends.compute.knative.manifests import service
from greenlithops.backends.compute.knative.options import KnativeOptions
from greenlithops.errors import (
    ConfigurationError,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)
from greenlithops.offload import off_loop
from support.clock import soon
from support.clouds.knative import Cluster, service_schema
from support.clouds.stand_in import Said

IMAGE = "registry.example.com/me/calls:1"


@pytest.fixture(scope="session")
def schema(sdk):
    return service_schema(sdk)


@pytest.fixture
async def cluster(schema, tmp_path):
    one = await off_loop(Cluster, tmp_path, schema)
    yield one
    await off_loop(one.close)


def options(cluster, **more):
    return {
        "runtime": IMAGE,
        "kubecfg_path": str(cluster.configuration),
        "ingress_endpoint": cluster.url,
        "container_concurrency": 4,
        **more,
    }


def variable(name):
    return os.environ.get(name)


def nap(seconds):
    time.sleep(seconds)


def work(number):
    print("number", number)
    return 1 / number


async def test_calls_in_a_service_of_a_stand_in_for_a_cluster(cluster):
    async with (
        soon(40),
        gl.AsyncExecutor("knative", backend_options=options(cluster, env_vars={"A": "1"})) as ex,
    ):
        job = ex.map(work, [0, 1, 2, 4])
        results = await job.results(return_exceptions=True)
        assert await ex.submit(variable, "A") == "1"
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1:] == [1.0, 0.5, 0.25]
    assert job[2].logs == "number 2\n"
    assert job.energy.joules > 0
    assert job.energy.kind == "estimated"
    assert job[1].stats.usd is None  # nobody said what a cluster costs
    (name,) = cluster.services
    key = [one for one in cluster.asked if one.method == "POST" and one.path.endswith("/secrets")]
    assert len(key) == 1
    # The key is in a secret alone, and nothing that is sent to the Service's own path has it.
    assert b"GREENLITHOPS_KEY" in cluster.asked[2].body
    assert key[0].json()["data"]["key"].encode() not in cluster.asked[2].body
    assert name.startswith("greenlithops-py")


async def test_nothing_is_made_twice_and_what_differs_is_brought_up_to_date(cluster):
    async with soon(40):
        async with knative(**options(cluster)) as first:
            key = first.key
        before = len(cluster.asked)
        async with knative(**options(cluster)) as again:
            assert again.key == key
        methods = [(one.method, one.path.rpartition("/")[2]) for one in cluster.asked[before:]]
        # It looks, finds that the secret is there, and that the Service is ready.
        name = again.service.name
        assert methods == [("GET", name), ("POST", "secrets"), ("GET", name), ("GET", name)]
        async with knative(**options(cluster, max_scale=7)) as changed:
            assert changed.service.name == name
        (found,) = cluster.services.values()
        assert found["metadata"]["generation"] == 2
        annotations = found["spec"]["template"]["metadata"]["annotations"]
        assert annotations["autoscaling.knative.dev/max-scale"] == "7"


async def test_listing_logs_and_deleting(cluster):
    wanted = options(cluster, docker_user="me", docker_password="secret", command=LOUD)
    async with soon(40), knative(**wanted) as backend:
        async with knative(**options(cluster, runtime_memory=1024)) as other:
            names = {other.service.name, backend.service.name}
            assert {one.name async for one in backend.services()} == names
            sizes = {one.memory_mb async for one in backend.services()}
            assert sizes == {512, 1024}
            await other.delete()
        assert [one.name async for one in backend.services()] == [backend.service.name]
        assert [line async for line in backend.logs()] == ["it starts"]
        assert (await backend.describe())["python"].startswith("3.")
        assert len(cluster.secrets) == 2
        await backend.delete()
        await backend.delete()  # a missing one is fine
        assert not cluster.secrets
        assert not cluster.services


LOUD = (
    *("python", "-c"),
    (
        "import sys; print('it starts', flush=True); import uvicorn; uvicorn.run("
        "'greenlithops.worker.application:app', port=int(sys.argv[1]), log_level='warning')"
    ),
    "8080",
)


async def test_the_ingress_of_a_networking_layer_is_found(cluster):
    wanted = options(cluster, networking_layer="kourier", ingress_endpoint=None)
    async with soon(30), knative(**wanted) as backend:
        assert backend.service.url == "http://192.0.2.7/"
        name = backend.service.name
        assert await backend.deployer.headers() == {"Host": f"{name}.calls.example.com"}


async def test_a_service_that_does_not_become_ready_says_why(cluster):
    cluster.broken[IMAGE] = "Unable to fetch image: no such host"
    async with soon(20):
        with pytest.raises(ServiceRefused, match="RevisionFailed: Unable to fetch image"):
            await knative(**options(cluster)).__aenter__()


async def test_a_service_of_somebody_else_is_left_alone(cluster):
    name = "theirs"
    theirs = service(KnativeOptions(runtime=IMAGE, name=name))
    theirs["metadata"]["labels"] = {}
    cluster.services[name] = theirs
    async with soon(20):
        with pytest.raises(ConfigurationError, match="none of greenlithops"):
            await knative(**options(cluster, name=name)).__aenter__()
    assert cluster.services == {name: theirs}


async def test_what_the_cluster_refuses(cluster):
    bad = options(cluster, labels={"a": "b"}, pull_secrets=[7])
    async with soon(20):
        with pytest.raises(ConfigurationError, match="7 is not valid"):
            await knative(**bad).__aenter__()
        cluster.next.append(("GET", "", Said(503, b"the server is starting")))
        async with knative(**options(cluster)):  # it is asked again
            assert not cluster.next
        cluster.next.append(("POST", "/secrets", Said(500, b"no space left")))
        with pytest.raises(ServiceUnavailable, match="no space left"):
            await knative(**options(cluster, name="other")).__aenter__()
    await off_loop(cluster.configuration.write_text, "nonsense: 1")
    async with soon(20):
        with pytest.raises(ConfigurationError, match="give kubeconfig"):
            await knative(**options(cluster)).__aenter__()


async def test_faults_of_the_ingress(cluster):
    async with soon(40), gl.AsyncExecutor(knative(**options(cluster)), max_workers=4) as ex:
        busy = ("POST", "/", Said(429, b"too many", {"Retry-After": "0"}))
        cluster.next.extend([busy, ("POST", "/", Said(503, b"no pods yet")), busy])
        assert await ex.map(abs, range(8)) == list(range(8))
        assert not cluster.next
        cluster.next.append(("POST", "/", Said(504, b"activator request timeout")))
        with pytest.raises(WorkerLost, match="activator request timeout"):
            await ex.submit(abs, 1)
        (pod,) = cluster.pods.values()
        with pytest.raises(WorkerLost):
            await ex.submit(os.kill, pod.process.pid, signal.SIGKILL)


async def test_cancelling_calls(cluster):
    async with soon(30), gl.AsyncExecutor(knative(**options(cluster)), max_workers=4) as ex:
        job = ex.map(nap, [0.5] * 20)
        await job[0]
        job.cancel()
        assert await ex.submit(abs, -3) == 3


def test_manifests_have_the_schema_of_knatives_own_definition(schema):
    import jsonschema  # noqa: PLC0415 - of this test alone

    full = KnativeOptions(
        runtime=IMAGE,
        service_account="caller",
        pull_secrets=["one"],
        docker_user="me",
        docker_password="x",
        labels={"team": "a"},
        env_vars=[{"name": "A", "value": 1}],
    )
    for one in (KnativeOptions(runtime=IMAGE), full):
        jsonschema.validate(service(one), schema)
    wrong = service(full)
    wrong["spec"]["template"]["spec"]["hostNetwrok"] = True
    with pytest.raises(jsonschema.ValidationError, match="hostNetwrok"):
        jsonschema.validate(wrong, schema)


def test_addresses():
    found = {
        "metadata": {"name": "calls", "namespace": "mine"},
        "status": {"url": "https://calls.mine.example.com"},
    }
    assert address(found, None, None) == ("https://calls.mine.example.com/", None)
    assert address(found, "http://192.0.2.1:31080", None) == (
        "http://192.0.2.1:31080/",
        "calls.mine.example.com",
    )
    assert address(found, "http://192.0.2.1", "svc.local")[1] == "calls.mine.svc.local"
    assert address(found, None, "svc.local") == ("https://calls.mine.svc.local/", None)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "'runtime' is missing"),
        ({"git_url": "https://example.com"}, "git_url is not possible"),
        ({"runtime_memroy": 1}, "did you mean 'runtime_memory'"),
        ({"runtime_memory": 1}, "from 32"),
        ({"networking_layer": "nginx"}, "kourier, istio"),
        ({"min_scale": 3, "max_workers": 2}, "min_scale is from 0 to 2"),
        ({"docker_user": "me"}, "go together"),
        ({"name": "Upper"}, "small letters"),
        ({"env_vars": 3}, "env_vars is a mapping"),
    ],
)
def test_options_that_are_refused(given, text):
    with pytest.raises(ConfigurationError, match=text):
        knative(**({"runtime": IMAGE} | given if given else {}))


def test_lithops_names():
    found = KnativeOptions.of(
        {
            "runtime": IMAGE,
            "max_workers": 9,
            "worker_processes": 1,
            "invoke_pool_threads": 4,
            "cluster": "x",
            "storage": "s3",
        }
    )
    assert found.max_scale == 9
