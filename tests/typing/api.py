"""The public names as users' type checkers see them; checked by mypy, never run."""

from typing import assert_type

import greenlithops as gl
from greenlithops.energy.records import CallEnergy, EnergyReport


def square(number: int) -> int:
    return number * number


async def shout(text: str) -> str:
    return text.upper()


def total(numbers: list[int]) -> int:
    return sum(numbers)


async def main() -> None:
    async with gl.AsyncExecutor(max_workers=2) as executor:
        assert_type(executor.submit(square, 3), gl.Future[int])
        assert_type(await executor.submit(square, 3), int)
        job = executor.map(square, range(3))
        assert_type(job, gl.Job[int])
        assert_type(await job, list[int])
        async for result in job:
            assert_type(result, int)
        async for future in job.as_completed():
            assert_type(future.result(), int)
            assert_type(future.energy, CallEnergy | None)
            assert_type(future.stats, gl.CallStats | None)
        assert_type(job.energy, EnergyReport | None)
        assert_type(job.progress, gl.Progress)
        assert_type(await executor.map_reduce(square, [1, 2], total), int)
        done, pending = await gl.wait([job[0]], timeout=1)
        assert_type(done, set[gl.Future[int]])
        assert_type(pending, set[gl.Future[int]])


def sync() -> None:
    with gl.PoolExecutor(max_workers=2) as pool:
        assert_type(pool.submit(square, 3).result(), int)
    policy = gl.RetryPolicy(attempts=3, on=ConnectionError)
    assert_type(policy.wait(1), float)
