"""RAPL zones of every layout, as files: what counts, what does not, and what is refused."""

import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.energy.meters.powercap import open_meter
from greenlithops.testing.meters import PowercapTree


@pytest.fixture
def tree(tmp_path):
    return PowercapTree(tmp_path)


def burned(tree, zones, joules):
    """Open the meter, let the zones burn, and return what it says by domain, and the total."""
    for zone, name in zones.items():
        tree.zone(zone, name)
    meter = open_meter(str(tree.root))
    assert sum(meter.read().values()) == 0
    for zone, amount in joules.items():
        tree.burn(zone, amount)
    read = meter.read()
    meter.close()
    return read, sum(read[domain] for domain in meter.totals)


CLIENT = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "uncore"}
CLIENT_J = {"intel-rapl:0": 100, "intel-rapl:0:0": 60, "intel-rapl:0:1": 10}
SERVER = {
    "intel-rapl:0": "package-0",
    "intel-rapl:0:0": "dram",
    "intel-rapl:1": "package-1",
    "intel-rapl:1:0": "dram",
}
SERVER_J = {"intel-rapl:0": 100, "intel-rapl:0:0": 26, "intel-rapl:1": 90, "intel-rapl:1:0": 20}


@pytest.mark.parametrize(
    ("zones", "joules", "domains", "total"),
    [
        (CLIENT, CLIENT_J, {"package": 100, "core": 60, "uncore": 10}, 100),
        (
            CLIENT | {"intel-rapl:1": "psys"},
            CLIENT_J | {"intel-rapl:1": 150},
            {"package": 100, "core": 60, "uncore": 10},
            100,
        ),
        (SERVER, SERVER_J, {"package": 190, "dram": 46}, 236),
        ({"intel-rapl:0": "package-0"}, {"intel-rapl:0": 100}, {"package": 100}, 100),
        (
            {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core"},  # AMD
            {"intel-rapl:0": 100, "intel-rapl:0:0": 40},
            {"package": 100, "core": 40},
            100,
        ),
        (
            {"intel-rapl:0": "package-0-die-0", "intel-rapl:1": "package-0-die-1"},
            {"intel-rapl:0": 30, "intel-rapl:1": 40},
            {"package": 70},
            70,
        ),
        ({"intel-rapl:0": "psys"}, {"intel-rapl:0": 150}, {"psys": 150}, 150),
        (
            CLIENT | {"intel-rapl-mmio:0": "package-0", "intel-rapl-mmio:0:0": "dram"},
            CLIENT_J | {"intel-rapl-mmio:0": 100, "intel-rapl-mmio:0:0": 7},
            {"package": 100, "core": 60, "uncore": 10, "dram": 7},
            107,
        ),
        (
            {"intel-rapl-mmio:0": "package-0"},  # MMIO alone is not a duplicate
            {"intel-rapl-mmio:0": 100},
            {"package": 100},
            100,
        ),
        (
            SERVER,  # two sockets that burn the same are two sockets
            {"intel-rapl:0": 50, "intel-rapl:1": 50},
            {"package": 100, "dram": 0},
            100,
        ),
        (
            CLIENT | {"intel-rapl:1": None},
            CLIENT_J,
            {"package": 100, "core": 60, "uncore": 10},
            100,
        ),
    ],
    ids=["client", "client+psys", "server", "package", "amd", "dies", "psys", "mmio", "only-mmio",
         "identical", "nameless"],
)  # fmt: skip
def test_layouts(tree, zones, joules, domains, total):
    read, sum_of_totals = burned(tree, zones, joules)
    assert read == pytest.approx(domains)
    assert sum_of_totals == pytest.approx(total)


def test_a_zone_without_a_name_is_noted(tree):
    tree.zone("intel-rapl:0", "package-0")
    tree.zone("intel-rapl:1", None)
    meter = open_meter(str(tree.root))
    assert meter.notes == ("intel-rapl:1 has no name, so what it counts is not known",)
    meter.close()


def test_flat_trees_without_links(tmp_path):
    for zone, name in {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core"}.items():
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "name").write_text(name)
        (tmp_path / zone / "energy_uj").write_text("5")
    meter = open_meter(str(tmp_path))
    assert meter.domains == ("package", "core")
    assert meter.totals == ("package",)
    meter.close()


def test_each_zone_wraps_by_its_own_range(tree):
    first = tree.zone("intel-rapl:0", "package-0", energy=9_000_000, limit=9_999_999)
    dram = tree.zone("intel-rapl:0:0", "dram", energy=4_000_000, limit=4_999_999)
    second = tree.zone("intel-rapl:1", "package-1", energy=0, limit=9_999_999)
    meter = open_meter(str(tree.root))
    (first / "energy_uj").write_text("500000")  # 1 J to the range's end, 0.5 J after it
    (dram / "energy_uj").write_text("0")
    (second / "energy_uj").write_text("2000000")
    assert meter.read() == pytest.approx({"package": 3.5, "dram": 1.0})
    readings = [meter.read()["package"]]
    for value in (9_000_000, 3_000_000, 1_000_000):
        (first / "energy_uj").write_text(str(value))
        readings.append(meter.read()["package"])
    assert [b - a for a, b in pairwise(readings)] == pytest.approx([8.5, 4.0, 8.0])
    meter.close()


@given(
    steps=st.lists(st.integers(0, 999_999), min_size=1, max_size=40),
    split=st.sets(st.integers(0, 39)),
    start=st.integers(0, 999_999),
)
def test_however_often_it_is_read_it_adds_up_across_wraps(tmp_path_factory, steps, split, start):
    folder = tmp_path_factory.mktemp("tree") / "intel-rapl:0"
    folder.mkdir()
    (folder / "name").write_text("package-0")
    (folder / "max_energy_range_uj").write_text("999999")
    counter = folder / "energy_uj"
    counter.write_text(str(start))
    meters = [open_meter(str(folder.parent)) for _ in range(2)]
    burned, unread = start, 0
    for place, step in enumerate(steps):
        burned += step
        unread += step
        counter.write_text(str(burned % 1_000_000))
        meters[0].read()
        # The second one is read now and then, though never a whole range apart.
        if place in split or unread + max(steps) > 999_999:
            meters[1].read()
            unread = 0
    for meter in meters:
        assert meter.read()["package"] == pytest.approx((burned - start) / 1e6, abs=1e-9)
        meter.close()


def test_a_counter_that_begins_anew_is_no_wrap(tree):
    zone = tree.zone("intel-rapl:0", "package-0", energy=100_000_000_000)
    meter = open_meter(str(tree.root))
    (zone / "energy_uj").write_text("5000000")  # after a suspension: not 162 kJ, but 5 J at least
    assert meter.read() == pytest.approx({"package": 5.0})
    assert meter.notes == ("package-0 has begun anew: some of it is not counted",)
    (zone / "energy_uj").write_text("6000000")
    assert meter.read() == pytest.approx({"package": 6.0})
    meter.close()


def test_a_gap_in_which_a_counter_may_have_wrapped_is_told(tree):
    zone = tree.zone("intel-rapl:0", "package-0", energy=0, limit=999_999)
    meter = open_meter(str(tree.root))
    assert meter.bounds == (1.0, 1.0)
    time.sleep(0.1)  # at 1000 W it wraps each millisecond
    (zone / "energy_uj").write_text("500000")
    assert meter.read() == pytest.approx({"package": 0.5})
    (note,) = meter.notes
    seconds, watts = re.fullmatch(
        r"not read for (\S+) s: if package-0 burned more than (\S+) W meanwhile, its counter, "
        r"which wraps at 1 J, has lost some of it",
        note,
    ).groups()
    assert float(seconds) >= 0.1
    assert float(watts) == pytest.approx(1 / float(seconds), rel=0.1)
    assert meter.bounds == (1.0, float("inf"))
    meter.read()
    assert meter.notes == (note,)  # of several gaps, the longest one
    meter.close()


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({}, 10.0 / 1000 / 4),  # nothing is known: a kilowatt
        ({"power_limit": 15_000_000, "max_power": 25_000_000}, 10.0 / 50 / 4),
        ({"power_limit": 0, "max_power": 0}, 10.0 / 1000 / 4),  # firmware that says nothing
        ({"power_limit": 4_095_875_000}, 10.0 / 1000 / 4),  # boards that have no limit
    ],
    ids=["unknown", "laptop", "zero", "unlimited"],
)
def test_how_often_it_must_be_read_follows_from_the_limit_of_power(tree, limits, seconds):
    zone = tree.zone("intel-rapl:0", "package-0", limit=10_000_000)
    for name, value in limits.items():
        (zone / f"constraint_0_{name}_uw").write_text(f"{value}\n")
    meter = open_meter(str(tree.root))
    assert meter.max_interval == pytest.approx(max(0.01, seconds))
    meter.close()


def test_without_a_range_a_counter_may_not_go_backwards(tree):
    lost = tree.zone("intel-rapl:0", "package-0", energy=1_000_000, limit=None)
    kept = tree.zone("intel-rapl:1", "package-1", energy=0)
    meter = open_meter(str(tree.root))
    (lost / "energy_uj").write_text("3000000")
    assert meter.read() == pytest.approx({"package": 2.0})
    (lost / "energy_uj").write_text("500000")
    (kept / "energy_uj").write_text("1000000")
    assert meter.read() == pytest.approx({"package": 3.0})
    assert meter.notes == (
        "package-0 has stopped contributing: it went backwards, and max_energy_range_uj is missing",
    )
    meter.close()


@pytest.mark.parametrize("way", ["unlink", "empty", "garbage"])
def test_a_zone_that_vanishes_stops_contributing(tree, way):
    gone = tree.zone("intel-rapl:0", "package-0", energy=0)
    kept = tree.zone("intel-rapl:1", "package-1", energy=0)
    meter = open_meter(str(tree.root))
    (gone / "energy_uj").write_text("2000000")
    meter.read()
    if way == "unlink":
        (gone / "energy_uj").unlink()
    else:
        (gone / "energy_uj").write_text("" if way == "empty" else "nonsense")
    (kept / "energy_uj").write_text("1000000")
    assert meter.read() == pytest.approx({"package": 3.0})
    assert "package-0 has stopped contributing" in meter.notes[0]
    (kept / "energy_uj").unlink()
    with pytest.raises(OSError, match="all RAPL counters are gone"):
        meter.read()
    meter.close()


def test_files_are_closed(tree):
    for zone, name in (SERVER | {"intel-rapl:2": "psys"}).items():
        tree.zone(zone, name)
    before = set(Path("/dev/fd").iterdir())
    meter = open_meter(str(tree.root))
    assert len(set(Path("/dev/fd").iterdir())) == len(before) + 4
    meter.close()
    meter.close()
    assert set(Path("/dev/fd").iterdir()) == before
