"""A machine whose energy and load a test plays, as a powercap tree and a clock of its CPU time."""

import asyncio
import time
from array import array

from greenlithops.energy.meters import Refusal, Selection
from greenlithops.energy.meters.powercap import open_meter
from greenlithops.energy.sampler import EnergySampler
from support.clock import BUSY

MS = 1_000_000
IDLE_WATTS, WATTS_PER_CPU = 20.0, 50.0


class Clock:
    """The CPU time of a machine that the test drives."""

    name = "given"
    resolution = 0.0

    def __init__(self):
        self.busy_ns = 0

    def read(self):
        return self.busy_ns

    def close(self):
        pass


class Flowing:
    """A meter whose machine burns until it is read, so that no delay comes in between."""

    def __init__(self, meter, step):
        self._meter = meter
        self._step = step

    def __getattr__(self, name):
        return getattr(self._meter, name)

    def read(self):
        self._step()
        return self._meter.read()


class Machine:
    """A powercap tree whose counters follow the CPU time that the test lets it use."""

    def __init__(self, path):
        self.file = path / "intel-rapl:0" / "energy_uj"
        self.file.parent.mkdir()
        (self.file.parent / "name").write_text("package-0\n")
        (self.file.parent / "max_energy_range_uj").write_text("262143328850\n")
        self.file.write_text("0\n")
        self.path = path
        self.clock = Clock()
        self.busy = 0.0
        self.joules = 0.0
        self._last = time.monotonic()

    def selection(self, *, flowing=False):
        meter = open_meter(str(self.path))
        meter = Flowing(meter, self.step) if flowing else meter
        return Selection("auto", meter, (Refusal("perf", "not allowed"),))

    def sampler(self, *, flowing=False, **options):
        """Return a sampler; of a flowing machine, it need not be stepped by hand."""
        options = {
            "interval": 0.01,
            "idle_interval": 0.02,
            "cpus": 2,
            "clock": self.clock,
        } | options
        return EnergySampler(self.selection(flowing=flowing), **options)

    def step(self):
        """Burn what the time since the last step costs at the present load."""
        now = time.monotonic()
        elapsed, self._last = now - self._last, now
        self.joules += (IDLE_WATTS + WATTS_PER_CPU * self.busy) * elapsed
        self.clock.busy_ns += int(self.busy * elapsed * 1e9)
        # Replaced in place by one write, as the kernel's file is: a reader never sees half of it.
        with self.file.open("r+") as file:
            file.write(f"{int(self.joules * 1e6):012d}\n")


async def until(condition):
    deadline = time.monotonic() + BUSY
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def column(*values):
    return array("q", values)
