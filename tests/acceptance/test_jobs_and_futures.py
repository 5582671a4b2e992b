"""Jobs and futures: indexing, equality, awaiting twice, from several tasks, after iterating."""

import asyncio
import pickle

import pytest

import greenlithops as gl
from greenlithops.errors import ExecutorClosed, NotReady
from support.clock import SOON, eventually, soon
from support.disasters import sleep_long, square, wait_for


async def test_a_job_is_indexed_like_its_input(executor):
    job = executor.map(square, range(10))
    assert len(job) == 10
    future = job[4]
    assert job[-1].index == 9
    assert await future == 16
    with pytest.raises(IndexError):
        job[10]
    with pytest.raises(IndexError):
        job[-11]
    assert await job == [n * n for n in range(10)]
    assert [f.index for f in job.futures] == list(range(10))
    assert [f.result() for f in job.futures] == [n * n for n in range(10)]


async def test_futures_of_the_same_call_are_equal(executor):
    job, other = executor.map(square, range(3)), executor.map(square, range(3))
    assert job[1] == job[1]
    assert job[1] != job[2]
    assert job[1] != other[1]
    assert job[1] != 1
    assert len({job[1], job[1], job[2], other[1]}) == 3
    assert {job[1]: "found"}[job.futures[1] if job.futures else job[1]] == "found"
    await gl.gather(job, other)


async def test_a_job_may_be_awaited_twice_and_by_many(executor):
    job = executor.map(square, range(100))
    expected = [n * n for n in range(100)]
    assert await asyncio.gather(*(job.results() for _ in range(5))) == [expected] * 5
    assert await job == expected
    assert await job == expected


async def test_a_future_may_be_awaited_by_many(executor):
    future = executor.submit(square, 7)

    async def wait():
        return await future

    async with soon(5):
        assert await asyncio.gather(*(wait() for _ in range(20))) == [49] * 20
    assert await future == 49


@pytest.mark.parametrize("lazy", [False, True])
async def test_iterating_after_awaiting(executor, lazy):
    job = executor.map(square, iter(range(50)) if lazy else range(50))
    expected = [n * n for n in range(50)]
    assert await job == expected
    assert [result async for result in job] == expected
    assert sorted([f.result() async for f in job.as_completed()]) == expected
    assert await job == expected


async def test_awaiting_after_iterating(executor):
    job = executor.map(square, range(50))
    expected = [n * n for n in range(50)]
    assert [result async for result in job] == expected
    assert await job == expected


async def test_awaiting_a_long_lazy_job_after_iterating_says_that_it_is_consumed(executor):
    job = executor.map(square, iter(range(5000)))
    assert len([result async for result in job]) == 5000
    with pytest.raises(NotReady, match="consumed"):
        await job


async def test_two_may_iterate_over_a_job_at_once(executor):
    job = executor.map(square, range(300))

    async def everything():
        return [result async for result in job]

    async with soon(5):
        one, two = await asyncio.gather(everything(), everything())
    assert one == two == [n * n for n in range(300)]


async def test_two_may_take_a_job_as_completed_at_once(executor):
    job = executor.map(square, range(300))

    async def everything():
        return {future.index async for future in job.as_completed()}

    async with soon(5):
        one, two = await asyncio.gather(everything(), everything())
    assert one == two == set(range(300))


async def test_as_completed_begun_late_misses_nothing(executor):
    job = executor.map(square, range(300))
    await job[150]
    assert {future.index async for future in job.as_completed()} == set(range(300))
    assert {future.index async for future in job.as_completed()} == set(range(300))


async def test_what_is_not_ready_says_so(executor, tmp_path):
    job = executor.map(wait_for, [tmp_path / "go"])
    with pytest.raises(NotReady):
        job[0].result()
    with pytest.raises(NotReady):
        job[0].exception()
    assert not job[0].done()
    assert job[0].stats is None
    assert job[0].energy is None
    assert await job.wait(0.05) is False
    (tmp_path / "go").touch()
    assert await job.wait() is True
    assert job[0].state is gl.CallState.DONE
    assert job[0].exception() is None


async def test_jobs_and_futures_do_not_travel_and_say_what_to_do(executor):
    job = executor.map(square, range(2))
    await job
    for handle in (job, job[0]):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(handle)
    call = executor.submit(square, job[0])
    with pytest.raises(TypeError, match="pass its result instead"):
        await call


async def test_their_texts_tell_what_they_are(executor):
    job = executor.map(square, range(3))
    assert repr(job) == f"<Job {job.id} square 0/3>"
    await job
    assert repr(job) == f"<Job {job.id} square 3/3>"
    assert repr(job[1]) == f"<Future {job.id}[1] square done>"
    assert "open" in repr(executor)
    assert executor.id in repr(executor)


async def test_done_callbacks_are_called_once_each_on_the_loop(executor):
    job = executor.map(square, range(5))
    heard = []
    for future in [job[0], job[1], job[1]]:
        future.add_done_callback(heard.append)
    await job
    await asyncio.sleep(0)
    assert sorted(future.index for future in heard) == [0, 1, 1]
    job[3].add_done_callback(heard.append)
    assert len(heard) == 3
    await asyncio.sleep(0)
    assert heard[-1] == job[3]


async def test_a_done_callback_that_raises_disturbs_nobody(executor, loop_errors):
    job = executor.map(square, range(5))
    heard = []

    def fail(future):
        raise ValueError("a bad callback")

    job[1].add_done_callback(fail)
    job[1].add_done_callback(heard.append)
    job[4].add_done_callback(heard.append)
    async with soon():
        assert await job == [n * n for n in range(5)]
    await asyncio.sleep(0)
    assert {future.index for future in heard} == {1, 4}
    assert [str(context["exception"]) for context in loop_errors] == ["a bad callback"]
    loop_errors.clear()


async def test_wait_and_as_completed_take_jobs_and_futures_of_many(executor, tmp_path):
    job, call, slow = (
        executor.map(square, range(3)),
        executor.submit(square, 9),
        executor.submit(wait_for, tmp_path / "go"),
    )
    async with soon(5):
        done, pending = await gl.wait([job, call, slow], return_when="FIRST_COMPLETED")
        assert done
        assert slow in pending
        done, pending = await gl.wait([job, call, slow], timeout=0.01)
        assert slow in pending
        (tmp_path / "go").touch()
        done, pending = await gl.wait([job, call, slow])
        assert len(done) == 5
        assert not pending
        found = [future async for future in gl.as_completed([job, slow, call])]
    assert {future.result() for future in found} == {0, 1, 4, 81, None}
    with pytest.raises(gl.errors.UsageError if hasattr(gl, "errors") else ValueError):
        await gl.wait([5])


async def test_wait_for_the_first_exception(executor, tmp_path):
    good, bad = executor.submit(wait_for, tmp_path / "go"), executor.submit(square, None)
    async with soon():
        done, pending = await gl.wait([good, bad], return_when="FIRST_EXCEPTION")
    assert done == {bad}
    assert pending == {good}
    with pytest.raises(TimeoutError):
        async for _ in gl.as_completed([good], timeout=0.05):
            pass
    (tmp_path / "go").touch()
    results = await gl.gather(good, bad, return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], TypeError)


async def test_gather_gives_lists_for_jobs_and_raises_the_first_error(executor):
    job = executor.map(square, range(3))
    assert await gl.gather(job, executor.submit(square, 5), job[1]) == [[0, 1, 4], 25, 1]
    with pytest.raises(TypeError):
        await gl.gather(job, executor.submit(square, "text"))


async def test_leaving_waits_for_what_was_submitted():
    async with gl.AsyncExecutor(max_workers=2) as executor:
        call = executor.submit(sleep_long, 0.3)
        job = executor.map(square, range(20))
        lazy = executor.map(square, iter(range(20)))
        reduction = executor.map_reduce(square, range(4), sum)
    assert call.done()
    assert job.done()
    assert [future.result() for future in lazy.futures] == [n * n for n in range(20)]
    assert await job == [n * n for n in range(20)]  # what is there can still be read
    assert await reduction == 14
    with pytest.raises(ExecutorClosed):
        executor.submit(square, 2)
    with pytest.raises(ExecutorClosed):
        executor.map(square, [2])


async def test_leaving_by_an_exception_cancels_at_once():
    async with soon():
        with pytest.raises(LookupError):  # noqa: PT012 - leaving is what is tested
            async with gl.AsyncExecutor(max_workers=2) as executor:
                await executor.map(square, range(4))
                call = executor.submit(sleep_long)
                waiting = executor.map(sleep_long, range(60, 100))
                await asyncio.sleep(0.1)
                raise LookupError
    assert call.cancelled()
    assert waiting.done()


async def test_an_executor_may_be_opened_again(executor):
    again = gl.AsyncExecutor(max_workers=1)
    for number in range(3):
        async with again:
            assert await again.submit(square, number) == number**2
        assert again.workers == []
    async with again:
        with pytest.raises(ExecutorClosed):
            await again.__aenter__()


async def test_an_executor_that_was_not_opened_says_so():
    with pytest.raises(ExecutorClosed):
        gl.AsyncExecutor().submit(square, 1)
    with pytest.raises(ExecutorClosed):
        gl.AsyncExecutor().map(square, [1])


async def test_reduction_of_a_map(executor):
    reduction = executor.map_reduce(square, range(10), sum)
    assert not reduction.done()
    async with soon(5):
        assert await reduction == 285
    assert reduction.done()
    assert reduction.reducer.stats.cpu_seconds >= 0
    with pytest.raises(TypeError):
        await executor.map_reduce(square, ["a"], sum)
    with pytest.raises(TypeError):
        await executor.map_reduce(square, range(3), lambda: 0)
    endless = executor.map_reduce(sleep_long, [60], sum)
    await eventually(lambda: endless.progress.sent)
    endless.cancel()
    async with soon(SOON):
        with pytest.raises(asyncio.CancelledError):
            await endless
