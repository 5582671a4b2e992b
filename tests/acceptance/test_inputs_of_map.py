"""map takes any iterable, sync or async, of any length, no further than it must."""

import asyncio
import collections
import resource
from pathlib import Path

import pytest

import greenlithops as gl
from greenlithops.errors import UsageError
from support.clock import eventually, soon
from support.disasters import hold, sleep_long, square
from support.inputs import Counted


def kinds(counted):
    return {"sync": lambda: iter(counted), "async": counted.later}


BOTH = pytest.mark.parametrize("kind", ["sync", "async"])


@BOTH
async def test_an_endless_input_is_read_as_far_as_the_buffer(executor, kind):
    counted = Counted()
    job = executor.map(square, kinds(counted)[kind](), buffer=100)
    async with soon(10):
        async for result in job:
            if result == 50 * 50:
                await asyncio.sleep(0.2)
                assert counted.taken <= 52 + 100 + (300 if kind == "async" else 0)
                assert job.progress.total is None
                break
        # Nobody goes on iterating, so the input is let go, and the job is over.
        await eventually(lambda: counted.closed and job.done())


@BOTH
async def test_an_endless_input_ends_with_its_executor(kind):
    counted = Counted()
    async with soon(10), gl.AsyncExecutor(max_workers=2) as executor:
        async for result in executor.map(square, kinds(counted)[kind](), buffer=50):
            if result > 1000:
                break
    await eventually(lambda: counted.closed)
    assert counted.taken < 1000


@BOTH
async def test_an_input_that_fails_gives_its_results_and_then_its_error(executor, kind):
    job = executor.map(square, kinds(Counted(fail_at=30))[kind]())
    found = []
    async with soon(10):
        with pytest.raises(LookupError, match="the input failed"):  # noqa: PT012 - the loop raises
            async for result in job:
                found.append(result)  # noqa: PERF401 - what came before the error counts
        assert found == [number * number for number in range(30)]
        with pytest.raises(LookupError, match="the input failed"):
            await job
    assert job.done()
    assert job.progress.done == 30


@BOTH
async def test_an_input_that_fails_at_once(executor, kind):
    async with soon(10):
        with pytest.raises(LookupError):
            await executor.map(square, kinds(Counted(fail_at=0))[kind]())
        with pytest.raises(LookupError):
            async for _ in executor.map(square, kinds(Counted(fail_at=0))[kind]()).as_completed():
                pass


class Things:
    """Iterable by the old protocol."""

    def __getitem__(self, index):
        if index > 2:
            raise IndexError
        return index


@pytest.mark.parametrize(
    "elements",
    [
        [3],
        [2, 2, 2],
        {1, 2, 3},
        {4: "a", 5: "b"}.keys(),
        {"a": 4}.values(),
        range(0, 10, 3),
        collections.deque([1, 2]),
        frozenset({7}),
        iter([1, 2, 3]),
        (n for n in range(3)),
        map(abs, [-1, -2]),
    ],
    ids=lambda elements: type(elements).__name__ + str(len(str(elements))),
)
async def test_what_can_be_iterated_can_be_mapped_over(executor, elements):
    if not isinstance(elements, collections.abc.Iterator):
        expected = [square(n) for n in elements]
    else:
        elements = list(elements)
        expected, elements = [square(n) for n in elements], iter(elements)
    async with soon(5):
        assert await executor.map(square, elements) == expected


async def empty():
    return
    yield


@pytest.mark.parametrize(
    "elements", [list, tuple, {}.keys, set, lambda: iter(()), lambda: range(0), empty]
)
async def test_an_empty_input_has_no_results(executor, elements):
    async with soon(5):
        job = executor.map(square, elements())
        assert await job == []
        assert [_ async for _ in executor.map(square, elements())] == []
        assert [_ async for _ in executor.map(square, elements()).as_completed()] == []
    assert job.done()
    assert len(job) == 0
    assert job.progress.fraction == 1.0
    assert job.stats.calls == 0


@pytest.mark.parametrize("elements", [list, lambda: iter(()), empty])
async def test_an_empty_input_waits_for_no_worker(elements):
    async with gl.AsyncExecutor(max_workers=1) as executor:
        busy = executor.submit(sleep_long)
        await asyncio.sleep(0.5)
        try:
            async with soon():
                assert await executor.map(square, elements()) == []
        finally:
            busy.cancel()


async def test_the_end_of_an_input_waits_for_no_worker(executor):
    """A generator's end is known only by asking: that needs nobody who is idle."""
    await executor.map(square, range(10))
    busy = [executor.submit(sleep_long)]
    await asyncio.sleep(0.3)
    job = executor.map(square, (n for n in range(1)))
    async with soon():
        while not len(job):  # noqa: ASYNC110 - its only element has not been taken yet
            await asyncio.sleep(0)
    # As soon as its only call has ended, all workers are taken.
    job[0].add_done_callback(lambda _: busy.extend(executor.submit(sleep_long) for _ in range(4)))
    async with soon():
        assert await job == [0]
    assert len(busy) == 5


@pytest.mark.parametrize("elements", ["text", b"bytes", {"a": 1}, 5, None, bytearray(2)])
async def test_one_value_is_not_an_input(executor, elements):
    with pytest.raises(UsageError):
        executor.map(square, elements)


class Liar:
    """Has another length than it says."""

    def __init__(self, says, has):
        self._says, self._has = says, has

    def __len__(self):
        return self._says

    def __iter__(self):
        return iter(range(self._has))


async def test_an_input_that_is_shorter_than_it_says_ends(executor):
    async with soon(5):
        job = executor.map(square, Liar(10, 3))
        assert await job == [0, 1, 4]
        assert job.progress.fraction == 1.0
        assert len(job) == 3


async def test_an_input_that_is_longer_than_it_says_is_read_to_its_end(executor):
    async with soon(5):
        assert await executor.map(square, Liar(2, 4)) == [0, 1, 4, 9]


async def test_the_executor_is_usable_from_within_the_input(executor):
    async def levels():
        for number in range(3):
            yield await executor.submit(square, number)

    async with soon(5):
        assert await executor.map(square, levels()) == [0, 1, 16]


async def test_a_million_elements_need_little_memory(executor):
    def resident():
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    total, highest, before = 0, 0, resident()
    async for result in executor.map(abs, (n for n in range(1_000_000))):
        total += result
        if result % 50_000 == 0:
            highest = max(highest, resident())
    assert total == 1_000_000 * 999_999 // 2
    assert highest - before < 100 << 20  # a hundred bytes a call


def after_others(go):
    """Return a function whose first call waits for a file."""

    def work(number):
        if number == 0:
            hold(go)
        return number

    return work


async def test_results_come_in_order_behind_a_slow_first_one(executor, tmp_path):
    counted = Counted()
    job = executor.map(after_others(tmp_path / "go"), iter(counted), buffer=60)
    results = aiter(job)
    first = asyncio.ensure_future(anext(results))
    async with soon(10):
        await eventually(lambda: job.progress.done >= 30)  # the others do not wait for the first
        await asyncio.sleep(0.2)
        assert counted.taken <= 62  # nor run away from it
        assert not first.done()
        (tmp_path / "go").touch()
        assert await first == 0
        found = [await anext(results) for _ in range(200)]
    assert found == list(range(1, 201))
    await results.aclose()
    job.cancel()


async def test_as_completed_gives_what_is_ready_first(executor, tmp_path):
    found = []
    job = executor.map(after_others(tmp_path / "go"), range(12))
    async with soon(10):
        async for future in job.as_completed():
            found.append(future.index)
            if len(found) == 11:
                (tmp_path / "go").touch()
    assert sorted(found) == list(range(12))
    assert found[-1] == 0


async def test_a_slow_consumer_holds_the_input_back(executor):
    counted = Counted(stop=400)
    found = []
    async with soon(20):
        async for result in executor.map(square, iter(counted), buffer=20):
            found.append(result)
            if len(found) % 40 == 0:
                await asyncio.sleep(0.02)
            assert counted.taken <= len(found) + 20 + 2
    assert found == [square(number) for number in range(400)]


async def test_large_unread_results_hold_the_input_back(executor):
    """The buffer counts calls; results that are large count by their bytes."""
    counted = Counted()
    job = executor.map(lambda _: bytes(32 << 20), iter(counted))
    async for _ in job:
        break
    await asyncio.sleep(1.5)
    assert counted.taken < 30
    job.cancel()
