"""Idle watts that one program has measured and the next one finds, if they are this machine's."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from greenlithops.cli.energy.probe import look
from greenlithops.energy import kept
from greenlithops.energy.calibration import measure_idle
from greenlithops.energy.kept import KeptIdle, idle_path, keep_idle, kept_idle, machine_key
from greenlithops.energy.meters import SYSFS
from greenlithops.energy.sharing import shared_sampler
from greenlithops.energy.trace import PowerSample
from greenlithops.errors import ConfigurationError, NotEnoughEvidence
from greenlithops.testing.meters import PowercapTree

CPUS = 8
LOADS = [0.0, 0.1, 2.0, 4.0, 4.1, 6.0, 7.9, 8.0, 0.0, 0.2]


def samples(loads, kind="measured", noise=0.0):
    for place, busy in enumerate(loads):
        wobble = noise * (-1) ** place
        domains = {"package": 20 + 5 * busy + wobble, "dram": 3.0 + wobble / 10}
        total = sum(domains.values())
        yield PowerSample(100.0 + place, 1.0, total, None, busy, kind, "node:powercap", domains)


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv(kept.VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: CPUS)
    return measure_idle(list(samples(LOADS, noise=0.1)), ("package", "dram"))


def meter(name="powercap", kind="measured", domains=("package",), idle_watts=None):
    return SimpleNamespace(name=name, kind=kind, domains=domains, idle_watts=idle_watts)


def test_each_domains_idle_watts_are_where_its_line_begins(found):
    assert found.watts == {"package": pytest.approx(20, abs=0.1), "dram": pytest.approx(3, abs=0.1)}
    assert 0 < found.errors["package"] < 0.2
    assert found.r2 > 0.99
    assert found.meter == "powercap"
    assert found.seconds == len(LOADS)
    assert found.machine == machine_key()
    assert str(found) == f"measured by powercap on {found.measured[:10]}"


@pytest.mark.parametrize(
    ("loads", "kind", "reason"),
    [
        ([8.0] * 12, "measured", "varied by 0% of the machine only"),
        (LOADS[:3], "measured", "3 readings are not enough"),
        (LOADS, "estimated", "there is no counter here"),
    ],
    ids=["busy", "short", "estimated"],
)
def test_it_is_refused_where_it_would_say_more_than_the_data(monkeypatch, loads, kind, reason):
    monkeypatch.setattr("os.cpu_count", lambda: CPUS)
    with pytest.raises(NotEnoughEvidence, match=reason):
        measure_idle(list(samples(loads, kind)), ("package", "dram"))


def test_what_is_kept_is_found(home, found):
    assert kept_idle(meter()) == (None, None)
    place = keep_idle(found)
    assert place == idle_path()
    assert place.is_relative_to(home)
    assert kept_idle(meter()) == (found, None)
    assert kept_idle(meter("perf", domains=("package", "dram"))) == (found, None)
    assert kept_idle(meter("node:perf")) == (found, None)
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_meters_that_know_their_own_and_estimates_use_none(home, found):
    keep_idle(found)
    assert kept_idle(None) == (None, None)
    assert kept_idle(meter("model", kind="estimated")) == (None, None)
    assert kept_idle(meter(idle_watts={"package": 1.0})) == (None, None)


def test_a_variable_names_the_file_or_switches_it_off(home, found, monkeypatch, tmp_path):
    keep_idle(found)
    monkeypatch.setenv(kept.VARIABLE, "off")
    assert kept_idle(meter()) == (None, None)
    with pytest.raises(ConfigurationError, match="GREENLITHOPS_IDLE is off"):
        keep_idle(found)
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "other.json"))
    assert kept_idle(meter())[1].endswith("other.json, which is not there")
    assert keep_idle(found) == tmp_path / "other.json"
    assert kept_idle(meter()) == (found, None)


def test_what_is_not_this_machines_is_refused_with_its_reason(home, found, monkeypatch):
    keep_idle(found._replace(machine="another"))
    assert kept_idle(meter())[1].endswith(" is of another machine")
    place = keep_idle(found)
    assert "was measured by powercap, and emi is read" in kept_idle(meter("emi"))[1]
    assert kept_idle(meter(domains=("package", "core")))[1].endswith(" has nothing of core")
    row = json.loads(place.read_text())
    for text in ("{", "[]", json.dumps(row | {"watts": {"package": -1}}), json.dumps({"watts": 1})):
        place.write_text(text)
        idle, reason = kept_idle(meter())
        assert idle is None
        assert reason.startswith(f"{place} cannot be used: ")
    place.chmod(0o000)
    monkeypatch.setenv(SYSFS, "/elsewhere")  # counters of another place have a file of their own
    assert kept_idle(meter()) == (None, None)


async def test_the_next_program_uses_it(home, monkeypatch, tmp_path):
    tree = PowercapTree(tmp_path / "sys")
    tree.zone("intel-rapl:0", "package-0")
    monkeypatch.setenv(SYSFS, str(tree.sysfs))
    monkeypatch.setenv("GREENLITHOPS_RUNTIME_DIR", str(tmp_path))
    idle = KeptIdle(
        {"package": 5.0}, {"package": 0.1}, "perf", "2026-01-02T03:04:05+00:00", 60.0, 0.99, 2,
        machine_key(),
    )  # fmt: skip
    place = keep_idle(idle)
    async with shared_sampler("powercap") as sampler:
        window = sampler.open_window()
        tree.burn("intel-rapl:0", 1000.0)
        await asyncio.sleep(0.005)  # samples are a millisecond apart
        report = window.report()
        window.close()
    assert report.idle_source == "measured by perf on 2026-01-02"
    assert report.idle_joules == pytest.approx(5.0 * report.window_s)
    assert report.machine_joules == pytest.approx(1000.0)
    shown = await look("powercap")
    assert shown["idle_watts"] == {"package": 5.0}
    assert shown["idle_source"] == report.idle_source
    assert shown["idle_kept"]["measured"] == idle.measured
    place.write_text("{")
    shown = await look("powercap")
    assert shown["idle_watts"] is None
    assert shown["idle_source"] == "learnt"
    assert "cannot be used" in shown["idle_refused"]
