"""One meter for each node: who tells it, who follows, and what happens when the teller dies."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from greenlithops.energy.meters import SYSFS, MeterRefused, node, select_meter
from greenlithops.energy.meters.node import NodeMeter, Publisher, open_meter, runtime_folder
from greenlithops.energy.meters.page import Page, Sample
from greenlithops.energy.sharing import shared_sampler
from greenlithops.testing.meters import PowercapTree
from support.clock import BUSY, eventually
from support.folders import open_to_all

SECOND = 1_000_000_000


class Counter:
    """A meter that the test moves."""

    name, kind = "powercap", "measured"
    domains, totals = ("package", "dram"), ("package", "dram")
    update_period, max_interval, bounds, idle_watts, notes = 0.001, 60.0, (1.0, 1.0), None, ()

    def __init__(self):
        self.joules = {"package": 0.0, "dram": 0.0}

    def read(self):
        return dict(self.joules)

    def burn(self, joules):
        self.joules = {"package": self.joules["package"] + joules, "dram": 0.0}

    def close(self):
        pass


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "run"
    path.mkdir(0o700)
    return str(path)


def wait_until(condition):
    stop = time.monotonic() + BUSY
    while not condition():
        assert time.monotonic() < stop, "this never came to be"
        time.sleep(0.005)


def told(meter, joules):
    """Read until a meter has told as much; return what it said then."""
    wait_until(lambda: meter.read()["package"] >= joules - 1e-9)
    return meter.read()["package"]


def test_one_tells_and_the_others_follow_through_a_change(folder):
    first, second = Counter(), Counter()
    one, two = Publisher(first, folder), Publisher(second, folder)
    now = time.monotonic_ns()
    one.tell(now - SECOND, first.read())
    two.tell(now - SECOND, second.read())
    assert (one.elected, two.elected) == (True, False)
    follower = open_meter(folder)
    assert (follower.name, follower.kind, follower.domains) == (
        "node:powercap", "measured", ("package", "dram"),
    )  # fmt: skip
    assert one.interval() == pytest.approx(0.1)
    assert two.interval() == float("inf")
    for counter in (first, second):
        counter.burn(10.0)
    one.tell(now, first.read())
    two.tell(now, second.read())
    assert told(follower, 10.0) == pytest.approx(10.0, rel=0.5)
    one.close()
    second.burn(5.0)  # burned while nobody tells
    two.tell(time.monotonic_ns() + SECOND, second.read())
    assert two.elected
    assert follower._page.read().joules[0] == pytest.approx(15.0)
    follower.close()
    two.close()


def test_a_reader_never_sees_half_a_sample(folder):
    code = (
        "import sys, time\n"
        "from greenlithops.energy.meters.page import Page, Sample\n"
        "page = Page(sys.argv[1], make=0o600)\n"
        "page.describe({})\n"
        "print(flush=True)\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    page.write(Sample(n, (float(n),) * 8))\n"
    )
    path = f"{folder}/meter.page"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        page, last, seen = Page(path), 0, 0
        begin = time.monotonic()
        while time.monotonic() < begin + 0.5 or seen <= 100:
            assert time.monotonic() < begin + BUSY, f"only {seen} samples"
            if (sample := page.read()) is not None:
                assert set(sample.joules) == {float(sample.moment_ns)}
                assert sample.moment_ns >= last
                last, seen = sample.moment_ns, seen + 1
        writer.kill()
        page.close()


TELLER = """
import asyncio, sys
from greenlithops.energy.sharing import shared_sampler

async def main():
    async with shared_sampler("powercap") as sampler:
        window = sampler.open_window()
        print(sampler._publisher.elected, flush=True)
        seen = sampler._publisher._history
        while seen[-1][1] < (7.0,):
            await asyncio.sleep(0.01)
        print("seen", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def test_a_teller_that_is_killed_hands_over(tmp_path, folder, monkeypatch):
    tree = PowercapTree(tmp_path / "sys")
    tree.zone("intel-rapl:0", "package-0", energy=0)
    environment = dict(os.environ, **{SYSFS: str(tree.sysfs), node.VARIABLE: folder})
    monkeypatch.setattr(node, "_STALE_NS", BUSY * SECOND)

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", TELLER], env=environment, stdout=subprocess.PIPE, text=True
        )
        return process, process.stdout.readline().strip()

    first, elected = start()
    assert elected == "True"
    second, elected = start()
    assert elected == "False"
    follower = open_meter(folder)
    tree.burn("intel-rapl:0", 7.0)
    told(follower, 7.0)
    # Both have seen the step: between two samples, power is taken to be even.
    assert second.stdout.readline() == "seen\n"
    after = time.monotonic_ns()
    wait_until(lambda: follower._page.read().moment_ns > after)
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(0.3)
    tree.burn("intel-rapl:0", 4.0)
    found = told(follower, 11.0)
    time.sleep(0.7)
    # Both burned in one step, which was believed to go on for one interval.
    assert found <= follower.read()["package"] <= 18.0 + 1e-6
    assert follower._page.read().joules[0] == pytest.approx(11.0)
    follower.close()
    for process in (first, second):
        process.kill()
        process.wait()
        process.stdout.close()


def test_without_a_teller_there_is_no_meter(folder):
    with pytest.raises(MeterRefused, match="no process of this node reads a meter"):
        open_meter(folder)
    page = Page(f"{folder}/meter.page", make=0o600)
    with pytest.raises(MeterRefused, match="no process of this node reads a meter now"):
        open_meter(folder)
    counter = Counter()
    publisher = Publisher(counter, folder)
    publisher.tell(time.monotonic_ns() - 4 * SECOND, counter.read())
    with pytest.raises(MeterRefused, match="no process of this node reads a meter now"):
        open_meter(folder)
    publisher.tell(time.monotonic_ns(), counter.read())
    follower = open_meter(folder)
    publisher.tell(time.monotonic_ns() - 6 * SECOND, counter.read())
    with pytest.raises(OSError, match="has ended, and no other has come"):
        follower.read()
    follower.close()
    publisher.tell(time.monotonic_ns(), counter.read())
    publisher.close()
    with pytest.raises(MeterRefused, match="no process of this node reads a meter now"):
        open_meter(folder)  # at once: its last sample is a moment old
    page.close()


def test_followers_hear_what_is_said_of_the_meter(folder):
    counter = Counter()
    publisher = Publisher(counter, folder)
    publisher.tell(time.monotonic_ns(), counter.read())
    follower = open_meter(folder)
    own = "read by another process of this node"
    assert (follower.notes, follower.bounds) == ((own,), (1.0, 1.0))
    counter.notes, counter.bounds = ("a wrap may be missing",), (1.0, float("inf"))
    publisher.tell(time.monotonic_ns(), counter.read())
    follower.read()
    assert (follower.notes, follower.bounds) == ((own, *counter.notes), counter.bounds)
    counter.notes, counter.bounds = (), (1.0, 1.0)
    publisher.tell(time.monotonic_ns() - 2 * SECOND, counter.read())
    follower.read()
    assert follower.bounds == (1.0, float("inf"))
    assert re.search(
        r"its last sample is [2-5]\S* s old: what was burned since is missing", follower.notes[-1]
    )
    publisher.tell(time.monotonic_ns(), counter.read())
    follower.read()
    assert (follower.notes, follower.bounds) == ((own,), (1.0, 1.0))
    publisher.close()
    # Who comes later knows how long nobody read the meter, and another kind of meter is told apart.
    late = Publisher(counter, folder)
    late.tell(time.monotonic_ns() + 2 * SECOND, counter.read())
    follower.read()
    assert any("nobody read it for 2" in note for note in follower.notes)
    late.close()
    counter.domains = counter.totals = ("psys",)
    other = Publisher(counter, folder)
    other.tell(time.monotonic_ns(), {"psys": 1.0})
    with pytest.raises(OSError, match="the node's meter is another one now"):
        follower.read()
    other.close()
    follower.close()


def test_what_others_may_write_is_not_believed(folder, monkeypatch, tmp_path):
    path = f"{folder}/meter.page"
    Page(path, make=0o600).close()
    os.chmod(path, 0o666)  # noqa: PTH101 - a path as text
    with pytest.raises(MeterRefused, match="written by others"):
        open_meter(folder)
    os.unlink(path)  # noqa: PTH108 - as above
    os.symlink("/etc/passwd", path)  # noqa: PTH211 - as above
    with pytest.raises(MeterRefused):
        open_meter(folder)
    monkeypatch.setenv(node.VARIABLE, folder)
    assert runtime_folder() == folder
    os.chmod(folder, 0o777)  # noqa: PTH101 - as above
    with pytest.raises(PermissionError, match="written to by everybody"):
        runtime_folder()
    monkeypatch.delenv(node.VARIABLE)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder() == f"{tmp_path}/greenlithops"
    monkeypatch.setenv(SYSFS, "/elsewhere")  # emulated counters are not taken for the machine's
    assert runtime_folder().startswith(f"{tmp_path}/greenlithops/")
    assert os.stat(runtime_folder()).st_mode & 0o777 == 0o700  # noqa: PTH116 - as above


def test_a_process_that_may_not_read_the_counters_follows(tmp_path, monkeypatch):
    run = tmp_path / "run"
    open_to_all(tmp_path)
    if os.getuid() != 0:
        pytest.skip("only root can start a process of another user")
    monkeypatch.setenv(node.VARIABLE, str(run))
    monkeypatch.setenv(SYSFS, str(tmp_path))
    counter = Counter()
    publisher = Publisher(counter)
    publisher.tell(time.monotonic_ns(), counter.read())
    code = (
        "import json, os\n"
        "from greenlithops.energy.meters import emi, node, perf, powercap, select_meter\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "found = select_meter()\n"
        "print(json.dumps([found.meter.name, [r.name for r in found.refusals]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    publisher.close()
    assert json.loads(done.stdout) == ["node:powercap", ["perf", "powercap", "emi"]]


async def test_samplers_tell_what_is_measured_and_nothing_else(tmp_path, folder, monkeypatch):
    tree = PowercapTree(tmp_path / "sys")
    tree.zone("intel-rapl:0", "package-0", energy=0)
    monkeypatch.setenv(SYSFS, str(tree.sysfs))
    monkeypatch.setenv(node.VARIABLE, folder)
    async with shared_sampler("model") as sampler:
        assert sampler._publisher is None
    async with shared_sampler("powercap") as sampler:
        assert sampler._publisher.elected
        follower = NodeMeter(Page(f"{folder}/meter.page"))
        tree.burn("intel-rapl:0", 3.0)
        # The sampler sees within its second that somebody follows, and hurries from then on.
        await eventually(lambda: follower.read()["package"] >= 3.0)
        await eventually(lambda: sampler._delay <= node.INTERVAL)
        follower.close()
    assert select_meter("off").meter is None
    assert Sample(1, (2.0,)) == Sample(1, (2.0,))
