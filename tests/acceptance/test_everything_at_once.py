"""Random programs of everything at once: each call has its own right outcome, whatever happens."""

import asyncio
import os
import random
import signal
import time

import pytest

import greenlithops as gl
from greenlithops.errors import CallCancelled, CallTimeout, WorkerLost
from support.clock import soon


def act(kind, number):
    """Do one of many things; most of them give a value that says which call it was."""
    if kind == "value":
        return number
    if kind == "error":
        raise KeyError(number)
    if kind == "print":
        print(f"call {number}")
        return number
    if kind == "large":
        return bytes([number % 256]) * 300_000
    if kind == "pause":
        time.sleep(0.01)
        return number
    if kind == "exit":
        os._exit(number % 5 + 1)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind in {"late", "doomed"}:
        time.sleep(60)
    return kind


async def act_later(kind, number):
    """As `act`, in a coroutine, without what would end its neighbours too."""
    await asyncio.sleep(0.001 * (number % 7))
    if kind in {"late", "doomed"}:
        await asyncio.sleep(60)
    if kind in {"exit", "kill"}:
        raise KeyError(number)
    return act(kind, number)


def right(kind, number, outcome, *, is_async):
    """Return whether an outcome is the right one for the call."""
    if kind == "late":
        return type(outcome) is CallTimeout
    if kind == "doomed":
        return type(outcome) is CallCancelled
    if kind == "error" or (is_async and kind in {"exit", "kill"}):
        return type(outcome) is KeyError and outcome.args == (number,)
    if kind == "exit":
        return type(outcome) is WorkerLost and outcome.exit_code == number % 5 + 1
    if kind == "kill":
        return type(outcome) is WorkerLost and outcome.signal == signal.SIGKILL
    if kind == "large":
        return outcome == bytes([number % 256]) * 300_000
    return outcome == number


HARMLESS = ["value"] * 30 + ["error", "print", "large", "pause"]
HARD = [*HARMLESS, "exit", "kill", "late", "doomed"]


async def one_job(executor, dice):
    """Run a job of random calls and check every outcome."""
    is_async, lazy = dice.random() < 0.3, dice.random() < 0.3
    kinds = HARD if dice.random() < 0.5 else HARMLESS
    count = dice.choice([1, 5, 60, 150])
    calls = [(dice.choice(kinds), number) for number in range(count)]
    job = executor.map(
        act_later if is_async else act,
        iter(calls) if lazy else calls,
        timeout=1.5,  # many times what an innocent call takes on a busy machine
        extra_env={"GL_ROUND": dice.randrange(3)} if dice.random() < 0.2 else None,
        live_logs=dice.random() < 0.1,
    )
    await asyncio.sleep(dice.random() * 0.05)
    doomed = [number for kind, number in calls if kind == "doomed"]
    for number in doomed:
        while lazy and number >= len(job):
            await job.wait(0.005)
        assert job[number].cancel() or job[number].done()
    found = await job.results(return_exceptions=True)
    assert len(found) == count
    wrong = [
        (call, outcome)
        for call, outcome in zip(calls, found, strict=True)
        if not right(*call, outcome, is_async=is_async)
        and not (call[0] == "doomed" and type(outcome) is CallTimeout)
    ]
    assert wrong == []
    for kind, number in calls:
        if kind == "print":
            assert job[number].logs == f"call {number}\n"
    progress = job.progress
    assert progress.finished == count
    assert progress.sent == progress.waiting == 0


@pytest.mark.parametrize("seed", range(5))
async def test_every_call_has_its_own_outcome(seed):
    dice = random.Random(seed)
    options = {
        "max_workers": dice.choice([1, 2, 3]),
        "worker_concurrency": dice.choice([3, 100]),
        "max_calls_per_worker": dice.choice([None, None, 50]),
    }
    async with soon(45), gl.AsyncExecutor(**options) as executor:
        jobs = [one_job(executor, random.Random(dice.random())) for _ in range(6)]
        await asyncio.gather(*jobs)
        assert await executor.map(act, [("value", n) for n in range(100)]) == list(range(100))
        assert executor.jobs == []
