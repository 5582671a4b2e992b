"""Calls that end badly cost what they used: killed, timed out, cancelled, or lost with a worker."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

import greenlithops as gl
from greenlithops.energy.cpu_time.sources import SOURCES, open_cpu_sources
from greenlithops.errors import CallTimeout, ConfigurationError, WorkerLost
from support.clock import BUSY, eventually


def possible(name):
    try:
        open_cpu_sources(name).close()
    except ConfigurationError:
        return False
    return True


HERE = [name for name in SOURCES if possible(name)]
# Burns for ever, and notes every few milliseconds what it has used: the truth, however busy the
# machine is.
BURN = """
import os, sys, time
note = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
while True:
    stop = time.process_time_ns() + 5_000_000
    while time.process_time_ns() < stop: pass
    os.pwrite(note, b"%020d" % time.process_time_ns(), 0)
"""


def spin(seconds):
    stop = time.thread_time() + seconds
    while time.thread_time() < stop:
        pass


def spin_for_ever(note):
    begin = time.process_time_ns()
    file = os.open(note, os.O_RDWR | os.O_CREAT)
    while True:
        spin(0.005)
        os.pwrite(file, b"%020d" % (time.process_time_ns() - begin), 0)


def spin_and_die(seconds):
    spin(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def spin_outside(note):
    subprocess.run([sys.executable, "-c", BURN, note], check=True)


async def block(note):
    spin_for_ever(note)


def costs(call, note=None, used=0.0):
    """Check that a call has the stats and joules of what it is known to have used."""
    if note is not None:
        used = int(note.read_text()) / 1e9
    assert used > 0
    # The last note may be a few milliseconds old, or a time slice on a machine that is busy.
    assert (
        used - 0.002 <= call.stats.cpu_seconds <= used * 1.05 + 0.3
    )  # and what starting a subprocess takes
    assert call.stats.wall_seconds > 0
    assert call.energy.cpu_s == pytest.approx(call.stats.cpu_seconds)
    assert call.energy.kind in {"measured", "estimated"}
    assert call.energy.joules > 0


async def test_a_call_that_kills_its_worker(executor):
    call = executor.submit(spin_and_die, 0.3)
    with pytest.raises(WorkerLost):
        await call
    costs(call, used=0.3)


async def test_a_call_that_takes_too_long(executor, tmp_path):
    call = executor.options(timeout=1).submit(spin_for_ever, str(tmp_path / "note"))
    with pytest.raises(CallTimeout):
        await call
    costs(call, tmp_path / "note")


# psutil, of which ticks are had, reads files in the ordinary way: it is for other systems.
@pytest.mark.parametrize("source", [name for name in HERE if name != "ticks"])
async def test_a_subprocess_that_is_killed_with_its_call(source, tmp_path):
    async with gl.AsyncExecutor(max_workers=1, energy=f"model+{source}") as executor:
        await executor.submit(spin, 0.01)
        call = executor.options(timeout=3).submit(spin_outside, str(tmp_path / "note"))
        with pytest.raises(CallTimeout):
            await call
        costs(call, tmp_path / "note")


async def test_a_coroutine_that_blocks_its_loop(tmp_path):
    async with gl.AsyncExecutor(max_workers=1) as executor:
        call = executor.options(timeout=1).submit(block, str(tmp_path / "note"))
        with pytest.raises(CallTimeout):
            await call
        costs(call, tmp_path / "note")


async def test_a_call_that_is_cancelled_while_it_runs(executor, tmp_path):
    job = executor.map(spin_for_ever, [str(tmp_path / "note")])
    await eventually((tmp_path / "note").exists)
    await asyncio.sleep(0.3)
    job.cancel()
    call = job.futures[0]
    stop = time.monotonic() + BUSY
    while call.energy is None:
        assert time.monotonic() < stop, "it has no energy"
        await asyncio.sleep(0.01)
    costs(call, tmp_path / "note")
    assert job.energy.joules == pytest.approx(call.energy.joules)
    waiting = executor.submit(spin, 0.01)
    waiting.cancel()
    assert waiting.energy is None


async def test_every_attempt_counts(executor):
    call = executor.options(retries=1).submit(spin_and_die, 0.2)
    with pytest.raises(WorkerLost):
        await call
    assert call.stats.attempt == 2
    assert call.stats.cpu_seconds == pytest.approx(0.2, abs=0.1)
    assert call.energy.cpu_s == pytest.approx(0.4, abs=0.2)


async def test_without_energy_there_are_stats():
    async with gl.AsyncExecutor(max_workers=1, energy="off") as executor:
        call = executor.submit(spin_and_die, 0.2)
        with pytest.raises(WorkerLost):
            await call
        assert call.stats.cpu_seconds == pytest.approx(0.2, abs=0.1)
        assert call.energy is None
