"""Every figure of a call and of a job is plausible, and they add up."""

# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import greenlithops as gl
from support.disasters import square


def pause(seconds):
    time.sleep(seconds)


def spin(seconds):
    """Burn so much CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(10_000))  # asking for the time is a system call


def spin_in_child(seconds):
    """Burn CPU time in a process of its own."""
    code = f"import time\nwhile time.process_time() < {seconds}: pass"
    subprocess.run([sys.executable, "-S", "-E", "-c", code], check=True)


@pytest.fixture
async def single():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        await executor.submit(square, 1)
        yield executor


async def stats(executor, function, *args):
    call = executor.submit(function, *args)
    await call
    return call.stats


async def test_moments_are_in_order_and_of_today(single):
    before = time.time()
    found = await stats(single, pause, 0.05)
    after = time.time()
    assert before - 0.01 <= found.queued <= found.start <= found.end <= after + 0.01
    assert found.end - found.start == pytest.approx(found.wall_seconds, abs=1e-6)
    assert 0.05 <= found.wall_seconds <= after - before + 0.01
    assert found.cpu_seconds < 0.04


async def test_cpu_time_of_a_spin(single):
    found = await stats(single, spin, 0.2)
    assert 0.2 <= found.cpu_seconds < 0.25
    assert found.wall_seconds >= 0.19
    assert found.cpu_user_seconds + found.cpu_system_seconds == pytest.approx(found.cpu_seconds)
    assert found.cpu_user_seconds > found.cpu_system_seconds


async def test_cpu_time_of_children_is_the_calls(single):
    found = await stats(single, spin_in_child, 0.2)
    assert 0.19 <= found.cpu_seconds < 0.5
    assert (await stats(single, pause, 0.01)).cpu_seconds < 0.05


async def test_cpu_time_of_threads_is_the_calls(single):
    def threads():
        import hashlib
        import threading

        def work():
            end = time.thread_time() + 0.1
            while time.thread_time() < end:
                hashlib.sha256(bytes(1 << 20)).digest()

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    found = await stats(single, threads)
    assert 0.19 <= found.cpu_seconds < 0.4


async def test_kernel_time_is_told_apart(single):
    def system():
        end = time.process_time() + 0.2
        with Path("/dev/zero").open("rb", buffering=0) as file:
            while time.process_time() < end:
                file.read(1 << 22)

    found = await stats(single, system)
    assert found.cpu_system_seconds > found.cpu_seconds / 3


async def test_time_to_pickle_is_no_time_of_the_function(single):
    def make():
        begin = time.process_time()
        values = [str(number) for number in range(400_000)]
        return time.process_time() - begin, values

    found = await stats(single, lambda values: None, make())
    assert found.wall_seconds < found.serialization_seconds
    assert found.serialization_seconds > 0.002
    call = single.submit(make)
    making, _ = await call
    assert call.stats.serialization_seconds > 0.002
    assert call.stats.cpu_seconds > making + 0.002


async def test_memory_and_bytes(single):
    def grow():
        data = bytearray(b"x" * (150 << 20))
        return len(data)

    small = await stats(single, square, 3)
    assert 5 << 20 < small.peak_memory_bytes < 150 << 20
    assert (await stats(single, grow)).peak_memory_bytes >= 150 << 20
    found = await stats(single, lambda data: data[:1000], b"x" * 5000)
    assert 5000 <= found.bytes_in < 5200
    assert 1000 <= found.bytes_out < 1200


def meet(folder):
    """Return when calls in two workers have come here."""
    (folder / str(os.getpid())).touch()
    while len([*folder.iterdir()]) < 2:
        time.sleep(0.01)


async def test_who_ran_it_and_whether_it_was_the_first(executor, tmp_path):
    jobs = [executor.map(meet, [tmp_path] * 2), executor.map(square, range(500))]
    await gl.gather(*jobs)
    found = [future.stats for job in jobs for future in job.futures]
    workers = {one.worker for one in found}
    assert len(workers) == 2
    assert set(executor.workers) == workers
    assert {one.attempt for one in found} == {1}
    for worker in workers:
        cold = [one for one in found if one.worker == worker and one.cold_start]
        assert len(cold) == 1
        assert cold[0].start == min(one.start for one in found if one.worker == worker)


async def test_a_job_adds_its_calls_up(executor):
    def work(number):
        spin(0.01)
        if number == 3:
            raise ValueError
        return b"x" * number

    job = executor.map(work, range(40))
    await job.wait()
    found = [future.stats for future in job.futures]
    total = job.stats
    assert (total.calls, total.failed, total.retried) == (40, 1, 0)
    assert total.call_seconds == pytest.approx(sum(one.wall_seconds for one in found))
    assert total.cpu_seconds == pytest.approx(sum(one.cpu_seconds for one in found))
    assert total.bytes_in == sum(one.bytes_in for one in found)
    assert total.bytes_out == sum(one.bytes_out for one in found)
    assert total.peak_memory_bytes == max(one.peak_memory_bytes for one in found)
    assert total.workers == len({one.worker for one in found})
    span = max(one.end for one in found) - min(one.queued for one in found)
    assert total.wall_seconds == pytest.approx(span, abs=1e-3)
    assert total.parallelism == pytest.approx(total.call_seconds / total.wall_seconds)


async def test_progress_counts_every_state(executor):
    job = executor.map(pause, [0.3] * 10)
    await asyncio.sleep(0.1)
    progress = job.progress
    assert progress.total == 10
    assert progress.waiting + progress.sent + progress.finished == 10
    assert progress.fraction < 1
    await job
    progress = job.progress
    assert (progress.done, progress.finished, progress.fraction) == (10, 10, 1.0)
    assert (progress.waiting, progress.sent, progress.failed, progress.cancelled) == (0, 0, 0, 0)


async def test_calls_without_an_outcome_have_stats_if_they_ran(executor):
    call = executor.submit(os._exit, 1)
    with pytest.raises(RuntimeError):
        await call
    assert 0 < call.stats.cpu_seconds <= call.stats.wall_seconds + 0.1
    failed = executor.submit(square, "text")
    with pytest.raises(TypeError):
        await failed
    assert failed.stats.wall_seconds >= 0
    dropped = executor.submit(pause, 60)
    dropped.cancel()
    assert dropped.stats is None


def leave_a_child(seconds):
    code = f"import time\nwhile time.process_time() < {seconds}: pass\ntime.sleep(30)"
    child = subprocess.Popen([sys.executable, "-c", code])
    while time.clock_gettime((~child.pid << 3) | 2) < seconds:
        time.sleep(0.01)
    child.returncode = 0  # nobody warns of it
    return child.pid


def end_it(pid):
    spin(0.05)
    os.kill(pid, 9)
    os.waitpid(pid, 0)


async def test_cpu_time_of_children_that_live_on_is_booked_once():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        left = executor.submit(leave_a_child, 0.2)
        pid = await left
        assert 0.2 <= left.stats.cpu_seconds <= 0.35
        for call in (executor.submit(spin, 0.05), executor.submit(end_it, pid)):
            await call
            assert call.stats.cpu_seconds == pytest.approx(0.05, abs=0.04)


def hold(megabytes, seconds):
    """Keep memory that is really used until the end, and return what the system says of it."""
    import psutil

    block = b"x" * (megabytes << 20)
    time.sleep(seconds)
    found = psutil.Process().memory_full_info()
    del block
    return found.rss, found.vms, found.uss


async def test_memory_at_the_end_of_a_call(single):
    before = await stats(single, pause, 0.01)
    call = single.submit(hold, 60, 0.3)
    during = await call
    found = call.stats
    size = 60 << 20
    assert found.peak_memory_bytes >= during[0] - (1 << 20)
    assert before.peak_memory_bytes <= found.peak_memory_bytes_before < found.peak_memory_bytes
    # The block was gone by then.
    assert found.resident_bytes == pytest.approx(during[0] - size, abs=8 << 20)
    assert found.virtual_bytes == pytest.approx(during[1] - size, abs=8 << 20)
    assert found.unshared_bytes == pytest.approx(during[2] - size, abs=8 << 20)
    assert found.unshared_bytes < found.resident_bytes < found.virtual_bytes


async def test_memory_of_short_calls_is_not_asked_for(single):
    def memory(one):
        return one.resident_bytes, one.virtual_bytes, one.unshared_bytes

    # On a busy machine some of them are held up, and are not short.
    found = [memory(await stats(single, square, 3)) for _ in range(20)]
    assert (None, None, None) in found
    middling = [memory(await stats(single, pause, 0.01)) for _ in range(5)]
    assert all(resident > 0 for resident, _, _ in middling)
    assert None in [unshared for *_, unshared in middling]  # it would take a noticeable part


async def test_what_is_not_known_of_a_call_that_died():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        futures = [executor.submit(os._exit, 3)]
        await asyncio.wait(futures)
        futures += [executor.submit(pause, 0.0) for _ in range(2)]
        await asyncio.wait(futures)
    assert [future.stats.cold_start for future in futures] == [True, True, False]
    assert futures[0].stats.peak_memory_bytes is None
    assert futures[1].stats.peak_memory_bytes > 1 << 20
