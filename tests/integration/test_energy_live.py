"""Calls on a machine whose energy is known: counters that live, and follow its real CPU time."""

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest

import greenlithops as gl
from greenlithops.energy.meters import SYSFS
from greenlithops.errors import CallTimeout
from greenlithops.testing.meters import LiveMachine, LivePowercap

IDLE, SLOPE = 20.0, 50.0
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        LivePowercap.impossible() is not None,
        reason=f"the kernel or the machine does not allow it: {LivePowercap.impossible()}",
    ),
]


def spin(seconds):
    stop = time.thread_time() + seconds
    while time.thread_time() < stop:
        pass


def in_threads(seconds):
    parts = [threading.Thread(target=spin, args=(seconds / 2,)) for _ in range(2)]
    for part in parts:
        part.start()
    for part in parts:
        part.join()


BURN = "import time\nwhile time.process_time() < {0}: pass"


def in_subprocess(seconds):
    subprocess.run([sys.executable, "-c", BURN.format(seconds)], check=True)


def in_tree(seconds):
    inner = BURN.format(seconds / 2)
    start = f"subprocess.run([sys.executable, '-c', {inner!r}])"
    outer = f"import subprocess, sys\n{start}\n{inner}"
    subprocess.run([sys.executable, "-c", outer], check=True)


async def in_coroutine(seconds):
    for _ in range(10):
        spin(seconds / 10)
        await asyncio.sleep(0.001)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Serve counters for the test's executors, of a machine that the test may choose."""
    served = []

    async def serve(**options):
        options = {"idle_watts": IDLE, "watts_per_cpu": SLOPE} | options
        live = LivePowercap(tmp_path / "sys", LiveMachine(**options))
        await asyncio.to_thread(live.start)
        served.append(live)
        monkeypatch.setenv(SYSFS, str(live.folder))

    yield serve
    for live in served:
        live.stop()


@pytest.fixture
def foreign_load():
    """Burn half a CPU beside the calls."""
    code = (
        "import time\nwhile True:\n stop = time.process_time() + .02\n"
        " while time.process_time() < stop: pass\n time.sleep(.02)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    yield
    process.kill()
    process.wait()


def holds(report, calls):
    """Check that calls, idle and the rest are the machine."""
    assert report.kind == "measured"
    assert report.method == "powercap"
    mine = sum(call.joules for call in calls)
    assert mine == pytest.approx(report.joules, rel=1e-6)
    assert report.other_joules >= -1e-6
    assert mine + (report.idle_joules or 0.0) + report.other_joules == pytest.approx(
        report.machine_joules, rel=1e-6
    )


async def burned(function, seconds, count, **options):
    """Run calls, and return the executor's report and the calls' records."""
    async with gl.AsyncExecutor(energy="powercap", **options) as executor:
        job = executor.map(function, [seconds] * count)
        await job
        await asyncio.sleep(0.05)
    return executor.energy, [future.energy for future in job.futures]


@pytest.mark.parametrize("concurrency", [1, 2, 4, 8, 16])
async def test_the_parts_are_the_machine_for_concurrent_calls(machine, foreign_load, concurrency):
    await machine()
    begin = time.monotonic()
    report, calls = await burned(spin, 0.15, concurrency, max_workers=concurrency)
    window = time.monotonic() - begin
    holds(report, calls)
    assert report.machine_joules >= 0.9 * IDLE * report.window_s
    assert report.window_s <= window
    used = sum(call.cpu_s for call in calls)
    # With the idle watts learnt, what calls pay is the slope of the machine.
    ceiling = (SLOPE + IDLE / 0.5) * used
    assert SLOPE * used * 0.5 < sum(call.joules for call in calls) < ceiling


@pytest.mark.parametrize("kind", [spin, in_threads, in_subprocess, in_tree, in_coroutine])
async def test_a_second_of_cpu_costs_the_same_however_it_is_used(machine, foreign_load, kind):
    await machine(idle_watts=0.0)  # all of it is dynamic, so what a call must pay is known
    report, calls = await burned(kind, 0.4, 4, max_workers=2)
    holds(report, calls)
    for call in calls:
        assert call.cpu_s >= 0.39
    used = sum(call.cpu_s for call in calls)
    assert sum(call.joules for call in calls) == pytest.approx(SLOPE * used, rel=0.02)


async def test_across_wraps(machine):
    await machine(idle_watts=0.0, wrap_joules=100.0)  # wraps about every second
    report, calls = await burned(spin, 0.5, 8, max_workers=2)
    holds(report, calls)
    assert report.machine_joules > 150
    assert report.joules == pytest.approx(SLOPE * report.cpu_s, rel=0.02)


async def test_slow_counters_widen_the_bounds(machine):
    await machine(period=0.05, idle_watts=0.0)
    report, calls = await burned(spin, 0.3, 4, max_workers=2)
    holds(report, calls)
    assert report.joules == pytest.approx(SLOPE * report.cpu_s, rel=0.2)


async def test_killed_calls_pay_with_their_subprocesses(machine):
    await machine(idle_watts=0.0)
    async with gl.AsyncExecutor(energy="powercap", max_workers=2) as executor:
        call = executor.options(timeout=1.5).submit(in_subprocess, 30.0)
        with pytest.raises(CallTimeout):
            await call
        await asyncio.sleep(0.05)
        assert call.stats.cpu_seconds > 0.1
        assert call.energy.joules == pytest.approx(SLOPE * call.stats.cpu_seconds, rel=0.05)


async def test_a_process_that_may_not_read_the_counters_estimates(machine):
    await machine(mode=0o400)
    code = (
        "import os\n"
        "from greenlithops.energy.meters import emi, model, node, perf, powercap, powerapi\n"
        "from greenlithops.energy.meters import prometheus, select_meter\n"
        "import greenlithops.energy.calibration  # which may not be readable any more\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "found = select_meter()\n"
        "print(found.meter.name, [str(r) for r in found.refusals if r.name == 'powercap'])"
    )
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    assert run.stdout.startswith("model ['powercap: ")
