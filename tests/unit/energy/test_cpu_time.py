"""The machine's busy CPU time, from files and from this machine."""

import os
import sys
import time

import pytest

from greenlithops.energy.cpu_time.machine import (
    CpuacctClock,
    PsutilClock,
    StatClock,
    open_cpu_clock,
)


def stat(cpus, idle, iowait=0, steal=0):
    lines = [f"cpu  7 0 7 {idle} {iowait} 0 0 {steal} 0 0"]
    lines += [f"cpu{n} 7 0 7 {idle // cpus} 0 0 0 0 0 0" for n in range(cpus)]
    return "\n".join([*lines, "intr 1 2 3", "ctxt 9", ""])


def test_stat_is_elapsed_time_less_idle_time(tmp_path):
    file = tmp_path / "stat"
    file.write_text(stat(2, idle=100))
    clock = StatClock(str(tmp_path))
    start, first = time.monotonic_ns(), clock.read()
    time.sleep(0.05)
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    file.write_text(stat(2, idle=102, iowait=1, steal=1))
    second, elapsed = clock.read(), time.monotonic_ns() - start
    assert second - first == pytest.approx(2 * elapsed - 4 * tick, abs=5_000_000)
    clock.close()


def test_stat_never_goes_backwards_and_bears_cpus_that_come_and_go(tmp_path):
    file = tmp_path / "stat"
    file.write_text(stat(2, idle=100))
    clock = StatClock(str(tmp_path))
    first = clock.read()
    file.write_text(stat(2, idle=900))
    assert clock.read() == first
    file.write_text(stat(64, idle=900))
    second = clock.read()
    assert second == first
    file.write_text(stat(1, idle=900))
    assert clock.read() == second
    clock.close()


def test_cpuacct_only_at_the_true_root(tmp_path):
    (tmp_path / "cpuacct.usage").write_text("123456\n")
    with pytest.raises(FileNotFoundError):
        CpuacctClock(str(tmp_path))
    (tmp_path / "release_agent").write_text("\n")
    clock = CpuacctClock(str(tmp_path))
    assert clock.read() == 123_456
    clock.close()
    clock.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_choice(tmp_path):
    clock = open_cpu_clock(cgroup=str(tmp_path / "none"))
    assert clock.name == "stat"
    clock.close()
    clock = open_cpu_clock(platform="darwin")
    assert clock.name == "psutil"
    clock.close()


@pytest.mark.parametrize("make", [open_cpu_clock, PsutilClock], ids=["best", "psutil"])
def test_work_is_seen(make):
    clock = make()
    before, end = clock.read(), time.thread_time() + 0.2
    while time.thread_time() < end:
        pass
    # Others may use the machine too, so there is only a lower bound; two ticks may be missing.
    assert clock.read() - before >= 0.17e9
    clock.close()
