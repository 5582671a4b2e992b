"""A control group's part of a machine: by CPU time, above idle, and never more than there is."""

import time

import pytest

from greenlithops.energy import group
from greenlithops.energy.group import GroupClock, GroupMeter

SECOND = 1_000_000_000


class Machine:
    """A meter and two clocks that the test moves, and the moment by which they are read."""

    name, kind = "powercap", "measured"
    domains, totals = ("package", "core"), ("package",)
    update_period, max_interval, bounds, notes = 0.001, 60.0, (1.0, 1.0), ("a note",)

    def __init__(self, monkeypatch, idle_watts):
        self.idle_watts = idle_watts
        self.now = self.package = 0.0
        self.busy = self.group = 0.0
        self.closed = []
        monkeypatch.setattr(group.time, "monotonic_ns", lambda: round(self.now * SECOND))

    def read(self):
        return {"package": self.package, "core": self.package / 2}

    def clock(self, name):
        owner = self

        class Clock:
            resolution = 0.001

            def read(self):
                return round(getattr(owner, name) * SECOND)

            def close(self):
                owner.closed.append(name)

        Clock.name = name
        return Clock()

    def close(self):
        self.closed.append("meter")

    def passes(self, seconds, *, joules, busy, mine):
        self.now += seconds
        self.package += joules
        self.busy += busy
        self.group += mine


@pytest.fixture
def machine(monkeypatch):
    return Machine(monkeypatch, {"package": 10.0, "core": 0.0})


@pytest.fixture
def meter(machine):
    return GroupMeter(machine, machine.clock("busy"), machine.clock("group"))


def test_a_group_has_its_share_of_what_is_above_idle(machine, meter):
    machine.passes(1.0, joules=50.0, busy=2.0, mine=0.5)
    assert meter.read() == pytest.approx({"package": 10.0, "core": 6.25})
    machine.passes(1.0, joules=10.0, busy=0.0, mine=0.0)  # idle: nothing is anybody's
    assert meter.read()["package"] == pytest.approx(10.0)
    machine.passes(1.0, joules=30.0, busy=1.0, mine=1.0)
    assert meter.read()["package"] == pytest.approx(30.0)
    assert (meter.name, meter.kind, meter.notes) == ("powercap", "measured", ("a note",))


def test_groups_together_have_no_more_than_there_is(machine):
    one = GroupMeter(machine, machine.clock("busy"), machine.clock("group"))
    # The machine's clock is coarser: it may not have seen yet what the group has used.
    machine.passes(1.0, joules=50.0, busy=0.25, mine=0.5)
    assert one.read()["package"] == pytest.approx(40.0)


def test_many_short_readings_say_what_one_long_does(machine, meter):
    for _ in range(100):
        machine.passes(0.01, joules=0.5, busy=0.02, mine=0.005)
        meter.read()
    assert meter.read()["package"] == pytest.approx(10.0)


def test_idle_that_is_not_known_is_included_and_said(monkeypatch):
    machine = Machine(monkeypatch, None)
    meter = GroupMeter(machine, machine.clock("busy"), machine.clock("group"))
    machine.passes(1.0, joules=50.0, busy=2.0, mine=1.0)
    assert meter.read()["package"] == pytest.approx(25.0)
    assert "idle energy is included" in meter.notes[-1]
    assert meter.bounds == (0.0, 1.0)
    # What the machine's meter says later of itself is heard, too.
    machine.notes, machine.bounds = ("a wrap may be missing",), (1.0, float("inf"))
    assert meter.notes[0] == "a wrap may be missing"
    assert meter.bounds == (0.0, float("inf"))


def test_all_is_closed(machine, meter):
    meter.close()
    assert sorted(machine.closed) == ["busy", "group", "meter"]


V1 = "12:memory:/pods/a\n4:cpu,cpuacct:/pods/a\n0::/\n"


@pytest.mark.parametrize(
    ("own", "file", "text"),
    [
        pytest.param(V1, "cpu,cpuacct/pods/a/cpuacct.usage", "5000000\n", id="host-v1"),
        pytest.param(V1, "cpu,cpuacct/cpuacct.usage", "5000000\n", id="container-v1"),
        pytest.param(
            "0::/pods/a\n", "pods/a/cpu.stat", "usage_usec 5000\nuser_usec 1\n", id="host-v2"
        ),
        pytest.param("0::/\n", "cpu.stat", "usage_usec 5000\n", id="container-v2"),
    ],
)
def test_a_groups_cpu_time_is_found_as_machines_and_containers_have_it(tmp_path, own, file, text):
    proc, root = tmp_path / "proc" / "self", tmp_path / "cgroup"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text(own)
    (root / file).parent.mkdir(parents=True)
    (root / file).write_text(text)
    clock = GroupClock(str(tmp_path / "proc"), str(root))
    assert clock.read() == 5_000_000
    clock.close()
    clock.close()


def test_where_no_group_counts_it_is_said(tmp_path):
    proc = tmp_path / "self"
    proc.mkdir()
    (proc / "cgroup").write_text("0::/pods/a\n")
    with pytest.raises(OSError, match=r"pods/a/cpu\.stat"):
        GroupClock(str(tmp_path), str(tmp_path / "cgroup"))


def test_this_process_own_group_goes_on():
    clock = GroupClock()
    before, stop = clock.read(), time.process_time() + 0.05
    while time.process_time() < stop:
        pass
    assert clock.read() > before
    clock.close()
