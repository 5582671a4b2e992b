"""Pools of `lithops.concurrent.futures`, over executors."""

import os
import resource
import threading
import time

import pytest

import greenlithops as gl
from greenlithops.concurrent import futures as pools
from greenlithops.config.settings import worker_memory
from greenlithops.errors import ConfigurationError, UsageError


def echo(x):
    return x


def nap(seconds):
    time.sleep(seconds)
    return seconds


@pytest.mark.parametrize(
    "kind",
    [
        pools.FunctionExecutor,
        pools.LocalhostExecutor,
        pools.ProcessPoolExecutor,
        pools.ThreadPoolExecutor,
    ],
)
def test_pools_are_the_standard_librarys(kind):
    with kind(max_workers=2, energy="off", mp_context=None) as pool:
        assert isinstance(pool, pools.Executor)
        future = pool.submit(pow, 2, 8)
        assert isinstance(future, pools.Future)
        assert future.result() == 256
        assert list(pool.map(lambda a, b: a - b, [5, 6], [1, 2], chunksize=1)) == [4, 4]
        calls = [pool.submit(echo, n) for n in range(5)]
        assert sorted(call.result() for call in pools.as_completed(calls)) == [0, 1, 2, 3, 4]
        assert pools.wait(calls).not_done == set()
        assert isinstance(pool.lithops_executor, gl.FunctionExecutor)


def test_a_pool_takes_over_the_settings_of_an_executor(fexec):
    def settings(_):
        return os.environ["COLOUR"], resource.getrlimit(resource.RLIMIT_DATA)[0]

    with pools.FunctionExecutor(
        executor=fexec, extra_env={"COLOUR": "red"}, runtime_memory=600, execution_timeout=5
    ) as pool:
        assert pool.submit(settings, 0).result() == ("red", worker_memory(600))
        with pytest.raises(TimeoutError):
            pool.submit(nap, 30).result(0.1)
        pool.shutdown(wait=False, cancel_futures=True)
    assert fexec.call_async(echo, 1).result() == 1


@pytest.mark.parametrize("other", [object(), threading.Lock()])
def test_a_pool_takes_executors_only(other):
    with pytest.raises(UsageError, match=r"must be a greenlithops\.FunctionExecutor"):
        pools.FunctionExecutor(executor=other)


def test_pools_of_clouds_say_what_is_not_there():
    for kind, other in (
        (pools.ServerlessExecutor, "aws_batch"),
        (pools.StandaloneExecutor, "aws_ec2"),
    ):
        with pytest.raises(ConfigurationError, match="not available"):
            kind(backend=other)
