"""Blocking calls in a thread whose own event loop runs, as in a notebook."""

import asyncio
import sys
import types

import pytest

import greenlithops as gl
from greenlithops.sync.loop import BackgroundLoop


@pytest.fixture
def nothing_blocks():
    """Blocking is what these tests are about."""


@pytest.fixture
def loop():
    loop = BackgroundLoop()
    yield loop
    loop.close()


async def double(x):
    return 2 * x


def test_it_works_and_is_warned_of_once(loop):
    async def main():
        with pytest.warns(RuntimeWarning, match="AsyncExecutor") as seen:
            loop.call(double, 1)
        assert seen[0].filename == __file__
        assert loop.call(double, 2) == 4  # a second warning would be an error

    asyncio.run(main())


def test_a_notebook_is_not_warned(loop, monkeypatch):
    shell = types.ModuleType("IPython")
    shell.get_ipython = object
    monkeypatch.setitem(sys.modules, "IPython", shell)

    async def main():
        assert loop.call(double, 2) == 4

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:a blocking call")
def test_an_executor_works():
    async def main():
        with gl.FunctionExecutor(max_workers=1, energy="off") as fexec:
            return fexec.map(double, [1, 2]).get_result()

    assert asyncio.run(main()) == [2, 4]


@pytest.mark.filterwarnings("ignore:a blocking call")
def test_storage_works_there():
    storage = gl.Storage({"memory": {"name": "where a loop runs"}}, "memory")

    async def main():
        storage.put_object("b", "k", b"blocking")
        async with gl.AsyncStorage("memory", name="where a loop runs") as asynchronous:
            return await asynchronous.get("b", "k")

    assert asyncio.run(main()) == b"blocking"
