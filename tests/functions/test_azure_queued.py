"""Function apps that take invocations from Azurite's queue, by Azure's package; control planes are
a stand-in. Replies come through Azurite's blobs, and are told of through its queues.
"""

import os
import signal
import time

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueServiceClient

import greenlithops as gl
from greenlithops.backends.compute.azure_functions.backend import azure_functions
from greenlithops.backends.compute.azure_functions.queue import queue_name
from greenlithops.backends.compute.http import mailbox
from greenlithops.errors import ConfigurationError, WorkerLost
from greenlithops.offload import off_loop
from support.clock import soon
from support.clouds.azure import GROUP, REGION, AzureStandIn


@pytest.fixture
async def azure(function_guard, tmp_path, monkeypatch):
    async with AzureStandIn(tmp_path / "instances", function_guard) as azure:
        for name in [name for name in os.environ if name.startswith("AZURE_")]:
            monkeypatch.delenv(name)
        for name, value in azure.environment().items():
            monkeypatch.setenv(name, value)
        yield azure


@pytest.fixture
def account(azurite):
    return {"storage_account_name": azurite.user, "storage_account_key": azurite.secret}


@pytest.fixture
def options(azure, account, azurite, azurite_queue):
    return account | {
        "resource_group": GROUP,
        "region": REGION,
        "storage_endpoint": azurite.endpoint,
        "queue_endpoint": azurite_queue.endpoint,
        "endpoint": azure.url,
        "asynchronous": True,
        "runtime_timeout": 3600,  # which no front end waits for
    }


@pytest.fixture
async def storage(account, azurite):
    async with gl.AsyncStorage(
        "azure", bucket="queued", endpoint=azurite.endpoint, **account
    ) as storage:
        await storage.create_bucket("queued")
        yield storage


def work(number):
    print("number", number)
    if number == 2:
        raise KeyError("two")
    return number * 2


async def test_calls_through_azurites_queue_at_a_stand_in(
    azure, options, account, azurite_queue, storage
):
    told = {"name": "azure_queue", "endpoint": azurite_queue.endpoint, **account}
    backend = azure_functions(**options)
    async with (
        soon(150),
        gl.AsyncExecutor(backend, storage=storage, monitoring=told) as executor,
    ):
        job = executor.map(work, range(4))
        results = await job.results(return_exceptions=True)
        assert [results[0], results[1], results[3]] == [0, 2, 6]
        assert isinstance(results[2], KeyError)
        assert job[3].logs == "number 3\n"
        assert await executor.submit(len, bytes(1 << 20)) == 1 << 20  # too large for a queue
        (name,) = azure.settings
        key = {"account_name": azurite_queue.user, "account_key": azurite_queue.secret}
        client = await off_loop(lambda: QueueServiceClient(azurite_queue.endpoint, key))
        async with client:
            queue = client.get_queue_client(queue_name(name))
            found = await queue.get_queue_properties()
            assert found.approximate_message_count == 0
            await backend.delete()
            with pytest.raises(ResourceNotFoundError):
                await queue.get_queue_properties()
    assert [one.key async for one in storage.list("queued", "greenlithops.messages/")] == []


async def test_an_app_that_dies_in_a_queued_call_at_a_stand_in(options, storage, monkeypatch):
    """Nothing takes its message again: whether a call runs twice is for `retries=` to say."""
    monkeypatch.setattr(mailbox, "GRACE_SECONDS", 1.0)
    backend = azure_functions(**options | {"runtime_timeout": 1})
    async with soon(150), gl.AsyncExecutor(backend, storage=storage) as executor:
        with pytest.raises(WorkerLost, match="no reply"):
            await executor.submit(die, 1)


def die(number):
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


async def test_queued_calls_need_a_storage(options):
    with pytest.raises(ConfigurationError, match=r"azure_functions: .*storage"):
        async with gl.AsyncExecutor(azure_functions(**options)):
            pass
    with pytest.raises(ConfigurationError, match="runtime_timeout"):
        azure_functions(**options | {"plan": "consumption"})
