"""The worker as an HTTP function, in the framework that Google's functions run in."""

import aiohttp
import pytest

import greenlithops as gl
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.errors import ServiceRefused
from greenlithops.offload import off_loop
from support.clock import soon
from support.servers.functions import start_framework

KEY = "the key of these tests"


@pytest.fixture
async def server(function_guard, tmp_path, code):
    server = await off_loop(start_framework, tmp_path / "framework", function_guard, code, KEY)
    yield server
    await off_loop(server.kill)


def work(number):
    print("number", number)
    return 1 / number


async def test_calls_errors_and_output(server):
    async with soon(40), gl.AsyncExecutor(HttpBackend(server.endpoint, KEY)) as executor:
        job = executor.map(work, [0, 1, 2, 4])
        results = await job.results(return_exceptions=True)
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1:] == [1.0, 0.5, 0.25]
    assert job[2].logs == "number 2\n"


async def test_what_is_no_invocation(server):
    async with soon(40), aiohttp.ClientSession() as session:
        async with session.get(server.endpoint) as response:
            assert "greenlithops worker" in await response.text()
        async with session.put(server.endpoint) as response:
            assert response.status == 405
        async with gl.AsyncExecutor(HttpBackend(server.endpoint, "other")) as executor:
            with pytest.raises(ServiceRefused, match="key"):
                await executor.submit(abs, -1)
