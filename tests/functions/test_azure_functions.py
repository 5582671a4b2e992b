"""Azure Functions: a stand-in held to Azure's SDK, its official package, and Azurite for code."""

import os
import signal

import pytest

import greenlithops as gl
from greenlithops.backends.compute.azure_functions.backend import azure_functions
from greenlithops.backends.compute.azure_functions.bodies import PYTHON_TAG, SETTINGS
from greenlithops.errors import (
    CallTimeout,
    ConfigurationError,
    IncompatibleRuntime,
    ServiceRefused,
    WorkerLost,
)
from greenlithops.offload import off_loop
from support.clock import soon
from support.clouds.azure import GROUP, REGION, SUBSCRIPTION, AzureStandIn


@pytest.fixture
async def azure(function_guard, tmp_path, monkeypatch):
    async with AzureStandIn(tmp_path / "instances", function_guard) as azure:
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


async def test_calls_by_azures_package_deployed_to_a_stand_in(azure, options):
    azure.lazy, azure.cold = 2, 1
    async with (
        soon(50),
        gl.AsyncExecutor("azure_functions", backend_options=options, max_workers=4) as executor,
    ):
        job = executor.map(work, range(8))
        results = await job.results(return_exceptions=True)
    assert [result for n, result in enumerate(results) if n != 5] == [0, 2, 4, 6, 8, 12, 14]
    assert isinstance(results[5], KeyError)
    assert job[3].logs == "number 3\n"
    assert job[3].energy.kind == "estimated"
    assert job[3].energy.joules > 0
    assert job[3].stats.usd > 0
    assert azure.tokens == 1
    (name,) = azure.settings
    site = next(one for path, one in azure.resources.items() if "/sites/" in path)
    scale = site["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert (scale["instanceMemoryMB"], scale["maximumInstanceCount"]) == (2048, 1000)
    assert site["tags"].keys() == {"greenlithops", SETTINGS, PYTHON_TAG}
    assert SUBSCRIPTION not in name


async def test_opening_again_at_a_stand_in_changes_nothing(azure, options):
    async with soon(50), azure_functions(**options) as backend:
        before, key = backend.service, backend.key
        assert "azure-functions" in (await backend.describe())["packages"]
        assert options["storage_account_key"] not in repr(backend.deployer.options)
    asked = len(azure.asked)
    async with soon(50), azure_functions(**options) as backend:
        assert (backend.service, backend.key) == (before, key)
        assert key.decode() not in repr(before)
    assert azure.asked[asked:] == [
        "web_apps_get",
        "web_apps_list_application_settings",
        "web_apps_list_host_keys",
    ]


@pytest.mark.parametrize("plan", ["flex", "consumption"])
async def test_an_app_is_brought_up_to_date_at_a_stand_in(azure, options, plan):
    options |= {"runtime": "mine", "plan": plan, "env_vars": {"COLOUR": "red"}}
    async with soon(50), gl.AsyncExecutor(azure_functions(**options)) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "red"
    options |= {"env_vars": [{"name": "COLOUR", "value": "green"}], "runtime_timeout": 60}
    backend = azure_functions(**options)
    async with soon(50), gl.AsyncExecutor(backend) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "green"
        assert backend.service.timeout_seconds == 60
    sent = azure.asked.count("web_apps_create_one_deploy_operation")
    assert sent == (1 if plan == "flex" else 0)  # the code is the same


async def test_apps_are_listed_deleted_and_their_logs_read_at_a_stand_in(azure, options):
    azure.lines = ["one\n", "two"]
    options["application_insights"] = "component"
    async with soon(50), azure_functions(**options) as backend:
        (found,) = [one async for one in backend.services()]
        assert (found.name, found.memory_mb) == (backend.service.name, 2048)
        assert [line async for line in backend.logs(60)] == ["one", "two"]
        ((app, query),) = azure.queries
        assert app == "the-app-id"
        assert f"cloud_RoleName =~ '{found.name}'" in query
        assert "ago(60s)" in query
        await backend.delete()
        await backend.delete()
        assert [one async for one in backend.services()] == []
    assert not azure.resources


async def test_what_cannot_be_made_at_a_stand_in_says_why_and_can_be_mended(azure, options):
    azure.broken = "there is no room in this region"
    with pytest.raises(ServiceRefused, match="no room"):
        async with soon(30), azure_functions(**options):
            pass
    async with soon(30), azure_functions(**options) as backend:
        assert backend.service.url
        with pytest.raises(ServiceRefused, match="application_insights"):
            await anext(backend.logs())


async def test_apps_of_others_and_of_another_python_at_a_stand_in(azure, options):
    options["runtime"] = "mine"
    async with soon(30), azure_functions(**options):
        pass
    site = next(one for path, one in azure.resources.items() if "/sites/" in path)
    site["tags"][PYTHON_TAG] = "3.7"
    with pytest.raises(IncompatibleRuntime, match=r"runs Python 3\.7"):
        async with soon(20), azure_functions(**options):
            pass
    azure.settings["mine"] = {}
    with pytest.raises(ConfigurationError, match="none of greenlithops"):
        async with soon(20), azure_functions(**options):
            pass


async def test_what_statuses_of_a_stand_in_mean_for_calls(azure, options):
    backend = azure_functions(**options)
    async with soon(50), gl.AsyncExecutor(backend) as executor:
        assert await executor.submit(abs, -1) == 1
        azure.instances.faults = [(429, {}, ""), (503, {}, "Function host is not running.")]
        assert await executor.map(abs, range(-9, 0)) == list(range(9, 0, -1))
        azure.instances.faults = [(504, {}, "GatewayTimeout")]
        with pytest.raises(CallTimeout, match="230 seconds"):
            await executor.submit(abs, -1)
        azure.instances.faults = [(502, {}, "Bad Gateway")]
        with pytest.raises(WorkerLost, match="502"):
            await executor.submit(abs, -1)
        # The function key was renewed by somebody.
        backend.deployer._asked -= 60
        backend.deployer._code = "an old one"
        assert await executor.submit(abs, -2) == 2
        azure.instances.faults = [(401, {}, "")]
        with pytest.raises(ServiceRefused, match="401"):
            await executor.submit(abs, -2)


async def test_an_app_that_dies_in_a_call_deployed_to_a_stand_in(azure, options):
    def die(number):
        os.kill(os.getpid(), signal.SIGKILL)

    async with soon(30), gl.AsyncExecutor(azure_functions(**options)) as executor:
        with pytest.raises(WorkerLost, match="python exited"):
            await executor.submit(die, 1)


async def test_which_subscription_a_stand_in_has(azure, options):
    azure.subscriptions.append({"subscriptionId": "2", "displayName": "another"})
    with pytest.raises(ConfigurationError, match=r"give subscription_id: .*only one.*another"):
        async with soon(20), azure_functions(**options):
            pass
    async with soon(30), azure_functions(**options, subscription_id=SUBSCRIPTION) as backend:
        assert backend.service.url


async def test_credentials_that_a_stand_in_refuses(azure, options, monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with pytest.raises(ServiceRefused, match="azure_functions: Azure gives no token"):
        async with soon(30), azure_functions(**options):
            pass


async def test_a_program_for_lithops_at_a_stand_in(azure, options):
    storage = {"storage_account_name", "storage_account_key"}
    config = {
        "azure": {name: options[name] for name in (*storage, "resource_group", "region")},
        "azure_functions": {
            "endpoint": azure.url,
            "storage_endpoint": options["storage_endpoint"],
            "trigger": "pub/sub",
            "functions_version": 4,
        },
    }

    def program():
        with gl.FunctionExecutor(backend="azure_functions", config=config) as executor:
            return executor.get_result(executor.map(abs, range(-5, 0)))

    async with soon(50):
        assert await off_loop(program) == [5, 4, 3, 2, 1]
