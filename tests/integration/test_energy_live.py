"""Calls on a machine whose energy is known: counters that live, and follow its real CPU time."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

import greenlithops as gl
from greenlithops.energy.cpu_time.machine import open_cpu_clock
from greenlithops.energy.kept import KeptIdle, keep_idle, kept_idle, machine_key
from greenlithops.energy.meters import SYSFS, select_meter
from greenlithops.errors import CallTimeout
from greenlithops.testing.meters import LiveMachine, LivePowercap
from support import scripts
from support.clock import BUSY, SOON

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
        monkeypatch.setenv("GREENLITHOPS_RUNTIME_DIR", str(tmp_path))
        monkeypatch.setenv("GREENLITHOPS_IDLE", str(tmp_path / "idle.json"))

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


@pytest.mark.parametrize("concurrency", [1, 2, 4, 8, 16])
async def test_the_parts_are_what_they_are_where_the_idle_watts_are_kept(
    machine, foreign_load, concurrency
):
    await machine()
    kept = KeptIdle(
        {"package": IDLE}, {"package": 0.1}, "powercap", "2026-01-01T00:00:00+00:00", 100.0, 0.99,
        os.cpu_count(), await asyncio.to_thread(machine_key),
    )  # fmt: skip
    await asyncio.to_thread(keep_idle, kept)
    reader = await asyncio.to_thread(select_meter, "powercap")
    busy_clock = await asyncio.to_thread(open_cpu_clock)
    with closing(reader) as beside, closing(busy_clock) as clock:

        def look():
            return beside.meter.read()["package"], clock.read() / 1e9

        async with gl.AsyncExecutor(energy="powercap", max_workers=concurrency) as executor:
            # The account lies between the outer two looks, and the inner two in it.
            looks = [look()]
            job = executor.map(spin, [0.4] * concurrency)
            looks.append(look())
            await job
            looks.append(look())
            report = executor.energy
            looks.append(look())
            calls = [future.energy for future in job.futures]
    told, busy = ([times[3] - times[0], times[2] - times[1]] for times in zip(*looks, strict=True))
    holds(report, calls)
    assert report.idle_source == "measured by powercap on 2026-01-01"
    used = sum(call.cpu_s for call in calls)
    # Each part against what is known of it, none of them by subtraction: what another reader saw,
    # the idle watts, and the slope times the CPU time of the calls and of all others.
    assert 0.98 * told[1] <= report.machine_joules <= 1.02 * told[0]
    assert report.idle_joules == pytest.approx(IDLE * report.window_s, rel=0.001)
    assert report.joules == pytest.approx(SLOPE * used, rel=0.02)
    others, most, least = report.other_joules, *(SLOPE * (spent - used) for spent in busy)
    assert least - 0.02 * told[0] <= others <= most + 0.02 * told[0]
    for call in calls:
        assert call.joules == pytest.approx(SLOPE * call.cpu_s, rel=0.05)
        assert call.joules_low * 0.95 <= SLOPE * call.cpu_s <= call.joules_high * 1.05
    print(
        f"{concurrency} calls: {report.joules:.2f} J, {SLOPE * used:.2f} J true; "
        f"idle {report.idle_joules:.2f}, others {others:.2f} J, {least:.2f} to {most:.2f} true; "
        f"machine {report.machine_joules:.2f}, {told[1]:.2f} to {told[0]:.2f} read beside"
    )


async def test_idle_watts_are_found_by_the_machines_own_counters(machine, tmp_path):
    await machine(dram=0.1)
    command = [sys.executable, "-m", "greenlithops", "energy", "calibrate", "--idle", "--json"]
    run = await asyncio.to_thread(
        subprocess.run, [*command, "--seconds", "2"], capture_output=True, text=True, check=False
    )
    if run.returncode:  # others keep the machine busy all the time
        assert "the load varied by" in run.stderr
        return
    found = json.loads(run.stdout)
    assert found["watts"]["package"] == pytest.approx(IDLE, abs=max(4, found["errors"]["package"]))
    meter = SimpleNamespace(
        name="powercap", kind="measured", domains=("package", "dram"), idle_watts=None
    )
    idle, _ = await asyncio.to_thread(kept_idle, meter)
    assert idle.watts == found["watts"]


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


async def test_counters_that_wrap_faster_than_they_can_be_read_say_so(machine):
    await machine(idle_watts=0.0, wrap_joules=4.0)  # at 1 kW in 4 ms; here in 80 ms of one CPU
    report, calls = await burned(spin, 0.3, 4, max_workers=1)
    holds(report, calls)
    assert "which wraps at 4 J, has lost some of it" in report.reason
    assert "if package-0 burned more than" in calls[0].reason
    assert report.joules_high is None
    assert calls[0].joules_high is None
    assert report.joules <= 1.02 * SLOPE * report.cpu_s


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


def test_live_counters_go_with_who_mounted_them(tmp_path):
    program = """
        import os, signal, sys
        from pathlib import Path
        from greenlithops.testing.meters import LivePowercap

        LivePowercap(Path(sys.argv[1])).start()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    tree = tmp_path / "tree"
    scripts.run(tmp_path, program, tree, status=-signal.SIGKILL)
    deadline = time.monotonic() + SOON + BUSY
    while tree.is_mount():
        assert time.monotonic() < deadline, "it is still mounted"
        time.sleep(0.02)
