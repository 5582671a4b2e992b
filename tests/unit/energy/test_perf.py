"""RAPL through perf events: real system calls on events whose power is known."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.perf import cpu_list, event_config, open_meter
from greenlithops.testing.meters import emulate_pmu
from support.folders import open_to_all

WATTS = {"energy-pkg": 42.0, "energy-ram": 5.0, "energy-cores": 30.0, "energy-psys": 60.0}
DEVICES = "bus/event_source/devices"


def opened(tmp_path, **options):
    emulate_pmu(tmp_path, WATTS, **options)
    return open_meter(str(tmp_path / DEVICES))


def measured(meter, seconds):
    before, begin = meter.read(), time.monotonic()
    time.sleep(seconds)
    after, span = meter.read(), time.monotonic() - begin
    return {domain: (after[domain] - before[domain]) / span for domain in meter.domains}


def allowed():
    try:
        level = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    except OSError:
        return False
    return level <= 0 or os.geteuid() == 0


needs_events = pytest.mark.skipif(not allowed(), reason="perf_event_paranoid forbids events")


@needs_events
def test_events_count_what_they_should(tmp_path):
    meter = opened(tmp_path)
    assert (meter.domains, meter.totals) == (("package", "dram", "core"), ("package", "dram"))
    watts = measured(meter, 0.3)
    meter.close()
    assert watts == pytest.approx({"package": 42, "dram": 5, "core": 30}, rel=0.05)


@needs_events
def test_each_socket_has_its_counters(tmp_path):
    meter = opened(tmp_path, cpus="0-1" if (os.cpu_count() or 1) > 1 else "0,0")
    watts = measured(meter, 0.3)
    meter.close()
    assert watts["package"] == pytest.approx(84, rel=0.05)


@needs_events
def test_what_has_another_unit_is_left_out(tmp_path):
    folder = emulate_pmu(tmp_path, WATTS)
    (folder / "events" / "energy-ram.unit").write_text("Watts\n")
    (folder / "events" / "energy-cores").write_text("config=3\n")
    meter = open_meter(str(tmp_path / DEVICES))
    meter.close()
    assert meter.domains == ("package",)
    assert meter.notes == (
        "energy-cores is left out: sysfs says neither its code nor its scale",
        "energy-ram is left out: its unit is Watts, not Joules",
    )


@needs_events
def test_a_counter_that_is_gone_keeps_what_it_had(tmp_path):
    meter = opened(tmp_path)
    time.sleep(0.05)
    before = meter.read()
    dram = next(one for one in meter._counters if one.event.domain == "dram")
    dram.close()
    after = meter.read()
    assert after["dram"] == pytest.approx(before["dram"], rel=0.01)
    assert after["package"] >= before["package"]
    assert "energy-ram on CPU 0 has stopped contributing" in meter.notes[0]
    for counter in list(meter._counters):
        counter.close()
    with pytest.raises(OSError, match="all RAPL events are gone"):
        meter.read()


@needs_events
def test_files_are_closed(tmp_path):
    before = set(Path("/dev/fd").iterdir())
    meter = opened(tmp_path)
    assert len(set(Path("/dev/fd").iterdir())) == len(before) + 3
    meter.close()
    meter.close()
    assert set(Path("/dev/fd").iterdir()) == before


def test_without_events_there_is_no_meter(tmp_path):
    with pytest.raises(MeterRefused, match="no energy-pkg event"):
        open_meter(str(tmp_path))
    emulate_pmu(tmp_path, {"energy-cores": 1.0})
    with pytest.raises(MeterRefused, match="no energy-pkg event"):
        open_meter(str(tmp_path / DEVICES))


def test_psys_counts_where_there_is_no_package(tmp_path):
    if not allowed():
        pytest.skip("perf_event_paranoid forbids events")
    emulate_pmu(tmp_path, {"energy-psys": 60.0, "energy-cores": 3.0})
    meter = open_meter(str(tmp_path / DEVICES))
    meter.close()
    assert (meter.domains, meter.totals) == (("psys",), ("psys",))


PROBE = """
import os, sys
from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.perf import open_meter
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    open_meter(sys.argv[1])
    print("opened")
except MeterRefused as refused:
    print(refused)
"""


def test_dropped_capabilities_are_the_reason_of_the_refusal(tmp_path):
    emulate_pmu(tmp_path, WATTS)
    open_to_all(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path / DEVICES)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    level = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    if level > 0:
        assert f"perf_event_paranoid is {level}" in run.stdout
        assert "CAP_PERFMON" in run.stdout
    else:
        assert run.stdout == "opened\n"


@pytest.mark.parametrize(
    ("text", "config"), [("event=0x02", 2), ("event=0x1,umask=0x2", 0x201), ("event=5\n", 5)]
)
def test_codes_of_events(text, config):
    assert event_config(text) == config


def test_lists_of_cpus():
    assert cpu_list("0,16-18") == (0, 16, 17, 18)
    assert cpu_list("") == ()
