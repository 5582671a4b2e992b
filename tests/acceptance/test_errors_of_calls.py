"""What a call raises arrives, however hard it is to carry, and disturbs no other call."""

import asyncio
import functools

import pytest

import greenlithops as gl
from greenlithops.errors import CallCancelled, CallError, GreenlithopsError, RemoteError
from support import failing
from support.clock import soon
from support.disasters import hold
from support.failing import fail, fail_async, fail_in_task, square

AROUND = list(range(20))


async def outcome(executor, function, make):
    """Run a failing call among twenty others; return its error, having checked the others."""
    async with soon():
        found = await executor.map(function, [*AROUND[:10], make, *AROUND[10:]]).results(
            return_exceptions=True
        )
    error = found.pop(10)
    assert found == [square(number) for number in AROUND]
    async with soon():
        assert await executor.submit(square, 12) == 144
    return error


@pytest.mark.parametrize("function", [fail, fail_async, fail_in_task])
async def test_an_exception_arrives_as_it_was_with_its_remote_traceback(executor, function):
    error = await outcome(executor, function, functools.partial(failing.Plain, "told", 3))
    assert type(error) is failing.Plain
    assert error.args == ("told", 3)
    notes = "".join(error.__notes__)
    assert "in fail" in notes
    assert "call 10 of fail" in notes


@pytest.mark.parametrize(
    ("make", "args"),
    [
        (functools.partial(failing.TwoArguments, 1, 2), ("1-2",)),
        (functools.partial(failing.Prefixed, 5, right=2), ("code 5",)),
        (functools.partial(failing.Described, right=2), ()),
    ],
    ids=lambda value: getattr(getattr(value, "func", None), "__name__", "args"),
)
async def test_an_exception_with_a_constructor_of_its_own_arrives_as_it_was(executor, make, args):
    error = await outcome(executor, fail, make)
    assert type(error) is make.func
    assert (error.args, error.right) == (args, 2)


@pytest.mark.parametrize("function", [fail, fail_async])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (failing.BrokenReduce, "which cannot travel"),
        (failing.BadReduce, "which cannot travel"),
        (functools.partial(failing.WithLock, "locked"), "locked"),
        (functools.partial(failing.FileOfTwo, "1", "2"), "'2'"),
        (failing.Impostor, "did not come back as an exception"),
        (failing.RebuildExits, "RebuildExits"),
    ],
    ids=lambda value: getattr(getattr(value, "func", value), "__name__", "text"),
)
async def test_what_cannot_travel_is_described_never_lost(executor, function, kind, text):
    error = await outcome(executor, function, kind)
    name = getattr(kind, "func", kind).__name__
    assert type(error) is RemoteError
    assert error.type_name.endswith(name)
    assert name in str(error)
    assert text in str(error)
    assert "in fail" in error.remote_traceback


@pytest.mark.parametrize("function", [fail, fail_async, fail_in_task])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
async def test_what_would_end_a_program_is_described(executor, function, kind):
    error = await outcome(executor, function, functools.partial(kind, "over"))
    assert type(error) is RemoteError
    assert error.type_name == kind.__name__
    assert "over" in str(error)


async def test_a_cancellation_raised_by_a_function_is_described(executor):
    error = await outcome(executor, fail, asyncio.CancelledError)
    assert type(error) is RemoteError
    assert error.type_name.endswith("CancelledError")


async def test_a_coroutine_that_cancels_itself_is_cancelled(executor):
    error = await outcome(executor, fail_async, asyncio.CancelledError)
    assert isinstance(error, CallCancelled | RemoteError)


@pytest.mark.parametrize("function", [fail, fail_async])
async def test_an_exception_that_cannot_be_shown_arrives(executor, function):
    error = await outcome(executor, function, failing.BrokenText)
    assert type(error) is failing.BrokenText


async def test_an_exception_that_takes_no_notes_arrives(executor):
    error = await outcome(executor, fail, failing.Frozen)
    assert isinstance(error, failing.Frozen | RemoteError)


@pytest.mark.parametrize("function", [fail, fail_async])
async def test_an_exception_whose_text_exits_is_described(executor, function):
    error = await outcome(executor, function, failing.TextExits)
    assert isinstance(error, failing.TextExits | CallError)


async def test_stop_iteration_is_data_and_never_ends_the_iteration(executor):
    job = executor.map(fail, [1, functools.partial(StopIteration, "enough"), 3])
    assert await job.wait(10)
    error = job[1].exception()
    assert type(error) is StopIteration
    assert error.args == ("enough",)
    assert job[2].result() == 9
    with pytest.raises(StopIteration):
        job[1].result()
    # Python's own rule (PEP 479): out of a coroutine it comes as a RuntimeError caused by it.
    with pytest.raises(RuntimeError) as caught:
        await job[1]
    assert type(caught.value.__cause__) is StopIteration
    with pytest.raises(RuntimeError) as caught:
        await job
    assert type(caught.value.__cause__) is StopIteration


@pytest.mark.parametrize("kind", [StopAsyncIteration, ExceptionGroup, TimeoutError, MemoryError])
async def test_exceptions_with_a_meaning_of_their_own_stay_themselves(executor, kind):
    make = functools.partial(kind, "many", [ValueError(1)]) if kind is ExceptionGroup else kind
    for function in (fail, fail_async):
        error = await outcome(executor, function, make)
        assert type(error) is kind
        assert not isinstance(error, GreenlithopsError)


def raise_with_cause():
    try:
        {}["missing"]
    except KeyError as error:
        raise failing.Plain("no such thing") from error


async def test_the_cause_is_told(executor):
    with pytest.raises(failing.Plain) as caught:
        await executor.submit(raise_with_cause)
    assert "KeyError: 'missing'" in "".join(caught.value.__notes__)


def recurse(depth):
    return recurse(depth + 1)


async def test_a_recursion_without_end_is_an_error(executor):
    async with soon():
        with pytest.raises(RecursionError):
            await executor.submit(recurse, 0)


async def test_the_first_error_is_raised_at_once_and_the_others_go_on(tmp_path):
    def work(number):
        if number == 0:
            raise ValueError("at once")
        hold(tmp_path / "go")
        (tmp_path / str(number)).touch()

    async with gl.AsyncExecutor(max_workers=2) as executor:
        await executor.map(square, range(4))
        async with soon():
            job = executor.map(work, range(4))
            with pytest.raises(ValueError, match="at once"):
                await job
        assert not job.done()
        (tmp_path / "go").touch()
    assert {path.name for path in tmp_path.iterdir()} == {"1", "2", "3", "go"}
    assert job.done()
