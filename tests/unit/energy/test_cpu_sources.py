"""Who used the CPUs: every source against the kernel's own sums, and what each refusal says."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greenlithops.energy.cpu_time import bpf, sources
from greenlithops.energy.cpu_time.cgroup import CgroupTrees, find_group
from greenlithops.energy.cpu_time.processes import (
    Used,
    process_ns,
    schedstat_ns,
    session_members,
)
from greenlithops.energy.cpu_time.sources import BY_NAME, SOURCES, open_cpu_sources
from greenlithops.errors import ConfigurationError

MS = 1_000_000


def possible(name):
    with contextlib.suppress(ConfigurationError):
        open_cpu_sources(name).close()
        return True
    return False


HERE = [name for name in (*BY_NAME, *SOURCES) if possible(name)]

# Waits for a line, then burns in itself, in a child that it waits for, and in one that it leaves.
BURN = "import time\nstop = time.process_time() + {}\nwhile time.process_time() < stop: pass"
WORK = f"""
import subprocess, sys, time
print(flush=True)
sys.stdin.readline()
{BURN.format(0.15)}
subprocess.run([sys.executable, "-c", {BURN.format(0.1)!r}])
left = subprocess.Popen([sys.executable, "-c", {BURN.format(0.1) + chr(10) + "time.sleep(600)"!r}])
print(left.pid, flush=True)
time.sleep(600)
"""


def wait_until(true, seconds=120):
    stop = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < stop
        time.sleep(0.01)


def stat_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def steal_ns():
    """Return the time that a hypervisor took while something ran: eBPF counts it for that."""
    return int(Path("/proc/stat").read_text().split()[8]) * 10 * MS


def asleep(pid):
    """Wait until a process waits for something, so that its clock stands still."""
    wait_until(lambda: stat_of(pid)[0] == "S")


@contextlib.contextmanager
def worker(code=WORK):
    """Start a leader of a session, and end the session."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.stdin.close()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize("name", HERE)
def test_a_tree_with_all_its_descendants(name):
    with contextlib.closing(open_cpu_sources(name)) as opened, worker() as process:
        process.stdout.readline()
        asleep(process.pid)
        tree = opened.trees.adopt(process.pid)
        before = tree.read()
        stolen = steal_ns()
        process.stdin.write("\n")
        process.stdin.flush()
        left = int(process.stdout.readline())
        wait_until(lambda: process_ns(left) >= 100 * MS)
        asleep(left)
        asleep(process.pid)
        # What the kernel says: the process, the child that it waited for, the one that lives.
        fields = stat_of(process.pid)
        reaped = (int(fields[13]) + int(fields[14])) * 10 * MS
        truth = process_ns(process.pid) + reaped + process_ns(left) - before
        used = tree.read() - before
        stolen = steal_ns() - stolen if name == "ebpf" else 0
        # Ticks of 10 ms for each process, of a user and of the kernel.
        blur = max(0.05 * truth, (80 if name == "ticks" else 25) * MS)
        assert truth - blur <= used <= truth + blur + stolen
        os.killpg(process.pid, 9)
        process.wait()
        assert tree.read() >= used + before - 1
        tree.close()


@pytest.mark.skipif("ebpf" not in HERE, reason="eBPF is not allowed here")
def test_ebpf_counts_daemons_that_have_left_their_session():
    code = f"""
import os, subprocess, sys
print(flush=True)
sys.stdin.readline()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", {BURN.format(0.2)!r}])
    os._exit(0)
os.wait()
print(flush=True)
sys.stdin.readline()
"""
    opened = open_cpu_sources("ebpf")
    with worker(code) as process:
        process.stdout.readline()
        asleep(process.pid)
        tree = opened.trees.adopt(process.pid)
        before = tree.read()
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        wait_until(lambda: tree.read() - before >= 200 * MS)  # else the daemon was not counted
        tree.close()
    opened.close()


def visit_all_cpus():
    allowed = os.sched_getaffinity(0)
    try:
        for cpu in allowed:
            os.sched_setaffinity(0, {cpu})
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("name", [name for name in HERE if name != "ticks"])
def test_the_machine_is_at_least_as_busy_as_we_are(name):
    opened = open_cpu_sources(name)
    visit_all_cpus()  # what ran already is known from its next switch on
    begin, clock, mine = time.monotonic_ns(), opened.clock.read(), time.process_time_ns()
    while time.process_time_ns() - mine < 300 * MS:
        pass
    mine = time.process_time_ns() - mine
    busy, span = opened.clock.read() - clock, time.monotonic_ns() - begin
    opened.close()
    slack = opened.clock.resolution * 1e9 * (os.cpu_count() or 1)
    assert busy >= mine - slack - 10 * MS
    # What ran on a processor before the first reading may be told after it.
    assert busy <= 1.05 * span * (os.cpu_count() or 1) + slack + 20 * MS


@pytest.mark.skipif("ebpf" not in HERE, reason="eBPF is not allowed here")
def test_ebpf_sees_who_runs_on_a_processor_that_is_never_idle():
    allowed = os.sched_getaffinity(0)
    here = min(allowed)
    with worker("import os\nos.nice(19)\nprint(flush=True)\nwhile True: pass") as process:
        process.stdout.readline()
        os.sched_setaffinity(process.pid, {here})
        os.sched_setaffinity(0, {here})
        try:
            with contextlib.closing(open_cpu_sources("ebpf")) as opened:
                clock, mine = opened.clock.read(), time.process_time_ns()
                for milliseconds in range(1, 100):
                    while time.process_time_ns() - mine < milliseconds * MS:
                        pass
                    used = time.process_time_ns() - mine
                    assert opened.clock.read() - clock >= used - MS
        finally:
            os.sched_setaffinity(0, allowed)


@pytest.mark.skipif("ebpf" not in HERE, reason="eBPF is not allowed here")
def test_ebpf_is_taken_out_of_the_kernel_by_its_last_user():
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    one, two = open_cpu_sources("ebpf"), open_cpu_sources("ebpf")
    shared = sources._shared.held
    one.close()
    assert sources._shared.held is shared
    first = two.clock.read()
    assert two.clock.read() >= first
    two.close()
    assert sources._shared.held is None
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


@pytest.mark.skipif("ebpf" not in HERE, reason="eBPF is not allowed here")
def test_a_program_that_the_kernel_refuses_has_the_verifiers_words():
    asm = bpf.Assembler()
    asm.load(0, 3, 0)  # a register that has no value
    asm.leave()
    with pytest.raises(OSError, match="R3 !read_ok"):
        bpf.Kernel().load(asm.code())


def test_one_processs_clock_is_schedstat_brought_up_to_date():
    with worker("import sys, time\nsys.stdin.readline()\n" + BURN.format(0.05)
                + "\nprint(flush=True)\nsys.stdin.readline()") as process:  # fmt: skip
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        time.sleep(0.05)
        assert process_ns(process.pid) == schedstat_ns(process.pid)
        assert list(session_members(process.pid)) == [process.pid]
    with pytest.raises(OSError, match=r"Invalid argument|No such process"):
        process_ns(process.pid)


PROBE = """
import os
from greenlithops.energy.cpu_time import bpf, cgroup, ebpf, processes, sources, taskstats
import psutil, pyroute2.netlink.taskstats
os.setgid(65534); os.setuid(65534)
found = sources.open_cpu_sources()
print(found.trees.name, found.clock.name)
for refusal in found.refusals:
    print(refusal)
for name in ("ebpf", "cgroup", "taskstats"):
    try:
        sources.open_cpu_sources(name)
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give its privileges up")
def test_without_privileges_the_clock_is_taken_and_every_refusal_has_its_reason():
    run = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    first, *lines = run.stdout.splitlines()
    assert first.split()[0] == "clock"
    assert lines[0].startswith("ebpf: by name only")
    assert lines[1].startswith("cgroup: by name only")
    assert lines[2].startswith("taskstats: by name only")
    assert lines[3].startswith(
        "ConfigurationError The CPU-time source ebpf: not permitted; it needs CAP_BPF"
    )
    assert lines[4].startswith("ConfigurationError The CPU-time source cgroup: ")
    assert lines[5] == (
        "ConfigurationError The CPU-time source taskstats: not permitted; "
        "it needs CAP_NET_ADMIN in the first user namespace, or root"
    )


def test_an_unknown_source_names_the_known():
    with pytest.raises(ConfigurationError, match=r"'epbf'\. Known are auto, ebpf, cgroup"):
        open_cpu_sources("epbf")


def test_groups_of_both_versions(tmp_path):
    for folder in ("slice/job", "cpu,cpuacct/docker/x"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "cgroup.procs").touch()
    root = str(tmp_path)
    assert find_group("0::/slice/job\n", root) == (f"{root}/slice/job", "cpu.stat")
    own = "9:memory:/m\n4:cpu,cpuacct:/docker/x\n0::/\n"
    assert find_group(own, root) == (f"{root}/cpu,cpuacct/docker/x", "cpuacct.usage")
    with pytest.raises(OSError, match=r"no control group can be made in .*/none"):
        find_group("0::/none\n", root)


@pytest.mark.skipif("cgroup" not in HERE, reason="no control group can be made here")
def test_groups_go_when_they_are_closed():
    first = CgroupTrees()
    dead = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    orphan = Path(first._folder) / f"greenlithops-{dead.stdout.strip()}-1-7"
    orphan.mkdir()
    first.close()
    trees = CgroupTrees()
    assert not orphan.exists()  # what a program leaves that is killed
    with worker("import sys\nsys.stdin.readline()") as process:
        tree = trees.adopt(process.pid)
        folder = Path(tree._folder)
        assert folder.exists()
        os.killpg(process.pid, 9)
        process.wait()
        tree.close()
    trees.close()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("own", "total"),
    [
        (3_010, 3_010),  # it waited for its child, whose time it has now
        (20, 3_020),  # it was killed before it could
    ],
)
def test_a_child_that_ended_with_its_parent_counts_once(own, total):
    used = Used(1, 10)
    assert used.total({1: 10, 2: 3_000}, None) == 3_010
    assert used.total({}, own) == total
