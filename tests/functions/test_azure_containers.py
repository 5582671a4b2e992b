"""Azure Container Apps: a stand-in held to Azure's SDK, which runs what containers say."""

import os
import signal
import time
import urllib.request

import pytest

import greenlithops as gl
from greenlithops.backends.compute.azure_containers.backend import azure_containers
from greenlithops.backends.compute.azure_containers.bodies import PYTHON_TAG
from greenlithops.errors import (
    CallTimeout,
    ConfigurationError,
    IncompatibleRuntime,
    ServiceRefused,
    WorkerLost,
)
from greenlithops.offload import off_loop
from support.clock import soon
from support.clouds.azure import GROUP, REGION, ROOT, AzureStandIn

CUT = (
    "upstream connect error or disconnect/reset before headers. reset reason: connection "
    "termination"
)


@pytest.fixture
async def azure(function_guard, tmp_path, monkeypatch):
    async with AzureStandIn(tmp_path / "instances", function_guard) as azure:
        azure.instances.gone = (503, CUT)
        for name in [name for name in os.environ if name.startswith("AZURE_")]:
            monkeypatch.delenv(name)
        for name, value in azure.environment().items():
            monkeypatch.setenv(name, value)
        yield azure


@pytest.fixture
def options(azure, azurite):
    return {
        "resource_group": GROUP,
        "region": REGION,
        "storage_account_name": azurite.user,
        "storage_account_key": azurite.secret,
        "storage_endpoint": azurite.endpoint,
        "endpoint": azure.url,
    }


def work(number):
    print("number", number)
    if number == 5:
        raise KeyError("five")
    return number * 2


def nap(seconds):
    time.sleep(seconds)


async def test_calls_in_a_container_that_fetches_its_code_at_a_stand_in(azure, options):
    azure.lazy = 2
    async with (
        soon(50),
        gl.AsyncExecutor("azure_containers", backend_options=options, max_workers=4) as executor,
    ):
        job = executor.map(work, range(8))
        results = await job.results(return_exceptions=True)
    assert [result for n, result in enumerate(results) if n != 5] == [0, 2, 4, 6, 8, 12, 14]
    assert isinstance(results[5], KeyError)
    assert job[3].logs == "number 3\n"
    assert job[3].energy.kind == "estimated"
    assert job[3].stats.usd is None
    assert f"{ROOT}/providers/Microsoft.App/managedEnvironments/greenlithops" in azure.resources
    app = next(one for path, one in azure.resources.items() if "/containerApps/" in path)
    (container,) = app["properties"]["template"]["containers"]
    assert container["resources"] == {"cpu": 0.25, "memory": "0.5Gi"}
    assert "secretRef" in str(container["env"])


async def test_results_come_as_they_are_there_from_a_stand_in(azure, options):
    async with (
        soon(50),
        gl.AsyncExecutor(azure_containers(**options), max_workers=1, chunksize=2) as executor,
    ):
        job = executor.map(nap, [0.01, 1.5])
        await job[0]
        assert not job[1].done()
        await job


async def test_opening_again_at_a_stand_in_changes_nothing(azure, options):
    async with soon(50), azure_containers(**options) as backend:
        before, key = backend.service, backend.key
        assert "uvicorn" in (await backend.describe())["packages"]
    asked = len(azure.asked)
    async with soon(50), azure_containers(**options) as backend:
        assert (backend.service, backend.key) == (before, key)
        assert key.decode() not in repr(before)
    assert azure.asked[asked:] == ["container_apps_get", "container_apps_list_secrets"]
    assert key.decode() not in str(azure.resources)  # it is in a secret


async def test_an_app_is_brought_up_to_date_listed_and_deleted_at_a_stand_in(azure, options):
    options["env_vars"] = {"COLOUR": "red"}
    async with soon(50), gl.AsyncExecutor(azure_containers(**options)) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "red"
    options |= {"env_vars": {"COLOUR": "green"}}
    backend = azure_containers(**options)
    async with soon(50), gl.AsyncExecutor(backend) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "green"
        (found,) = [one async for one in backend.services()]
        assert (found.name, found.memory_mb) == (backend.service.name, 512)
        await backend.delete()
        await backend.delete()
        assert [one async for one in backend.services()] == []


async def test_logs_of_a_workspace_by_way_of_a_stand_in(azure, options):
    azure.lines = ["one\n", "two"]
    async with soon(50), azure_containers(**options) as backend:
        with pytest.raises(ServiceRefused, match="log_analytics_workspace"):
            await anext(backend.logs())
    options |= {"environment": "another", "log_analytics_workspace": "workspace", "namespace": "n"}
    async with soon(50), azure_containers(**options) as backend:
        assert [line async for line in backend.logs(60)] == ["one", "two"]
        ((workspace, query),) = azure.queries
        assert workspace == "the-workspace"
        assert f"ContainerAppName_s == '{backend.service.name}'" in query


async def test_what_statuses_of_a_stand_in_mean_for_calls(azure, options):
    def die(number):
        os.kill(os.getpid(), signal.SIGKILL)

    async with soon(50), gl.AsyncExecutor(azure_containers(**options)) as executor:
        assert await executor.submit(abs, -1) == 1
        azure.instances.faults = [(429, {}, ""), (503, {}, "no healthy upstream")]
        assert await executor.map(abs, range(-9, 0)) == list(range(9, 0, -1))
        azure.instances.faults = [(504, {}, "stream timeout")]
        with pytest.raises(CallTimeout, match="240 seconds"):
            await executor.submit(abs, -1)
        with pytest.raises(WorkerLost, match="the replica ended"):
            await executor.submit(die, 1)


async def test_what_cannot_be_made_at_a_stand_in_says_why_and_can_be_mended(azure, options):
    azure.broken = "the region has no room for environments"
    with pytest.raises(ServiceRefused, match="no room"):
        async with soon(30), azure_containers(**options):
            pass
    path = f"{ROOT}/providers/Microsoft.App/managedEnvironments/greenlithops"
    del azure.resources[path]
    async with soon(30), azure_containers(**options):
        pass
    azure.broken = "the image cannot be pulled"
    with pytest.raises(ServiceRefused, match="cannot be pulled"):
        async with soon(30), azure_containers(**options, min_workers=1):
            pass
    async with soon(30), azure_containers(**options, min_workers=1) as backend:
        assert backend.service.url


async def test_apps_of_others_and_of_another_python_at_a_stand_in(azure, options):
    async with soon(30), azure_containers(**options):
        pass
    app = next(one for path, one in azure.resources.items() if "/containerApps/" in path)
    app["tags"][PYTHON_TAG] = "3.7"
    with pytest.raises(IncompatibleRuntime, match=r"runs Python 3\.7"):
        async with soon(20), azure_containers(**options):
            pass
    azure.settings[app["name"]] = {}
    with pytest.raises(ConfigurationError, match="none of greenlithops"):
        async with soon(20), azure_containers(**options):
            pass


async def test_an_image_of_ones_own_and_a_registry_with_a_password_at_a_stand_in(
    azure, options, monkeypatch
):
    options |= {
        "runtime": "registry.example.org/worker:1",
        "docker_server": "registry.example.org",
        "docker_user": "me",
        "docker_password": "secret",
    }

    def own(folder, port):
        return ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(port)], {}

    monkeypatch.setattr("support.clouds.azure._container", lambda _: own)
    async with soon(30), azure_containers(**options) as backend:
        service = backend.service
        assert service.python is None  # who made the image knows
    assert azure.settings[service.name]["registry"] == "secret"
    assert "secret" not in repr(backend.deployer.options)


async def test_code_that_is_not_what_was_deployed_does_not_start_at_a_stand_in(azure, options):
    async with soon(30), azure_containers(**options) as backend:
        held = azure.settings[backend.service.name]
        app = next(one for path, one in azure.resources.items() if "/containerApps/" in path)
    (container,) = app["properties"]["template"]["containers"]
    package = await off_loop(fetched, held["package-url"])
    assert package.startswith(b"PK")
    digest = next(one for one in container["env"] if one["name"].endswith("SHA256"))
    digest["value"] = "0" * 64
    with pytest.raises(Exception, match="not the one that was deployed"):
        await azure.restart(app["name"])


def fetched(url):
    with urllib.request.urlopen(url, timeout=20) as reply:
        return reply.read()
