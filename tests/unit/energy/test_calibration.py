"""Calibration against an external meter: known watts come back; what is not known is refused."""

import os
import random
import time
from datetime import UTC, datetime

import pytest

from greenlithops.energy.calibration import (
    Calibration,
    Reading,
    calibrate,
    load,
    paired,
    read_meter_csv,
)
from greenlithops.energy.log import LogRecord
from greenlithops.energy.meters import MeterRefused, select_meter
from greenlithops.energy.meters.calibrated import open_meter
from greenlithops.errors import ConfigurationError, NotEnoughEvidence

START = 1_767_225_600.0
CPUS = 4


def sample(at, busy, seconds=1.0):
    return LogRecord(
        "sample", "machine", START + at, seconds, busy * seconds, None, None, None,
        "estimated", "model", "machine",
    )  # fmt: skip


def machine(loads, *, idle=35.0, dynamic=12.0, noise=0.0, seed=7):
    """A machine with a new load every ten seconds, and a meter that shows the last two seconds."""
    rng = random.Random(seed)
    samples = [sample(10 * i + k, busy) for i, busy in enumerate(loads) for k in range(10)]
    readings = [
        Reading(START + t, idle + dynamic * loads[(t - 1) // 10] + rng.gauss(0, noise))
        for t in range(2, 10 * len(loads) + 1, 2)
    ]
    return readings, samples


def test_known_watts_come_back_exactly():
    found = calibrate(*machine([0, 1, 2, 3, 4, 0]), cpus=CPUS)
    assert found.idle_watts == pytest.approx(35.0)
    assert found.dynamic_watts == pytest.approx(12.0)
    assert found.r2 == pytest.approx(1.0)
    assert found.readings == 29  # the first has none before it
    assert found.warnings == ()


def test_noise_shows_in_the_errors():
    found = [
        calibrate(*machine([0, 1, 2, 3, 4] * 4, noise=2.0, seed=seed), cpus=CPUS)
        for seed in range(40)
    ]
    inside = [abs(one.idle_watts - 35.0) <= one.idle_error for one in found]
    assert sum(inside) >= 34  # of 95 %, by chance a few fewer
    assert all(0.9 < one.r2 < 1 for one in found)
    assert all(1 < one.residual_watts < 3.5 for one in found)
    assert "W idle" in str(found[0])
    assert "R²" in str(found[0])


def test_a_load_that_hardly_varies_is_refused():
    readings, samples = machine([2.0, 2.1, 2.2, 2.0, 2.1])
    with pytest.raises(NotEnoughEvidence, match="varied by 5% of the machine only"):
        calibrate(readings, samples, cpus=CPUS)


def test_power_that_does_not_follow_the_load_is_refused():
    readings, samples = machine([0, 1, 2, 3, 4], dynamic=0.1, noise=20.0)
    with pytest.raises(NotEnoughEvidence, match="does not follow load"):
        calibrate(readings, samples, cpus=CPUS)
    readings, samples = machine([0, 1, 2, 3, 4], dynamic=-5.0)
    with pytest.raises(NotEnoughEvidence, match="does not follow load"):
        calibrate(readings, samples, cpus=CPUS)


def test_clocks_that_disagree_are_noticed():
    readings, samples = machine([0, 1, 2, 3, 4])
    elsewhen = [Reading(r.time + 3600, r.watts) for r in readings]
    with pytest.raises(NotEnoughEvidence, match=r"^0 of \d+ readings.*clocks"):
        calibrate(elsewhen, samples, cpus=CPUS)
    with pytest.raises(NotEnoughEvidence, match=r"^0 of"):
        calibrate(readings, [], cpus=CPUS)


def test_readings_across_a_gap_of_the_load_are_left_out():
    samples = [sample(0, 1.0), sample(1, 1.0), sample(5, 3.0), sample(6, 3.0)]
    readings = [Reading(START + t, 50.0) for t in (0, 1, 2, 5, 6.5)]
    assert paired(readings, samples) == [(1.0, 50.0), (1.0, 50.0), (3.0, 50.0)]


def test_extrapolation_is_warned_of():
    found = calibrate(*machine([1, 2, 2.5, 3, 1, 2]), cpus=CPUS)
    assert any("idle watts are extrapolated" in text for text in found.warnings)
    assert any("full load are extrapolated" in text for text in found.warnings)


def test_it_is_saved_and_loaded(tmp_path):
    found = calibrate(*machine([0, 2, 4, 0, 2]), cpus=CPUS)
    found.save(tmp_path / "this.json")
    assert load(tmp_path / "this.json") == found
    (tmp_path / "this.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="is not a calibration"):
        load(tmp_path / "this.json")


@pytest.mark.parametrize(
    "text",
    [
        "time,watts\n2026-01-01T00:00:00Z,41.5\n2026-01-01T00:00:02+00:00,off\n1767225604,43\n",
        "\ufeffTimestamp, Power \n2026-01-01 00:00:00,41.5 W\n,\n2026-01-01T01:00:04+01:00,43\n",
    ],
)
def test_logs_of_meters_are_read(tmp_path, text):
    path = tmp_path / "meter.csv"
    path.write_text(text)
    assert read_meter_csv(path) == [Reading(START, 41.5), Reading(START + 4, 43.0)]
    assert datetime.fromtimestamp(START, UTC).year == 2026


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2\n", "needs columns 'time' and 'watts'; it has 'a', 'b'"),
        ("", "it has none"),
        ("time,watts\nyesterday,3\n", r"meter\.csv:2: 'yesterday' is no moment"),
    ],
)
def test_what_is_no_log_of_a_meter_is_refused(tmp_path, text, reason):
    path = tmp_path / "meter.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=reason):
        read_meter_csv(path)


def test_a_calibration_is_a_meter(tmp_path, monkeypatch):
    cpus = os.cpu_count()
    found = Calibration(10.0 * cpus, 25.0, 0.5, 2.5, 0.97, 1.0, 50, cpus)
    found.save(tmp_path / "this.json")
    monkeypatch.setenv("GREENLITHOPS_CALIBRATION", str(tmp_path / "this.json"))
    selection = select_meter("calibrated")
    meter = selection.meter
    try:
        assert (meter.name, meter.kind) == ("calibrated", "estimated")
        assert meter.idle_watts == {"machine": pytest.approx(10.0 * cpus)}
        assert meter.bounds == pytest.approx((0.9, 1.1))
        assert "R² 0.97" in meter.notes[0]
        before, cpu = meter.read()["machine"], time.process_time()
        while time.process_time() < cpu + 0.1:
            pass
        assert meter.read()["machine"] - before > 0.1 * 25 * 0.8
    finally:
        selection.close()


def test_a_calibration_of_another_machine_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "other.json"
    Calibration(10.0, 25.0, 0.5, 2.5, 0.97, 1.0, 50, 1000).save(path)
    with pytest.raises(MeterRefused, match="of a machine with 1000 CPUs"):
        open_meter(str(path))
    monkeypatch.delenv("GREENLITHOPS_CALIBRATION", raising=False)
    with pytest.raises(MeterRefused, match="names no file"):
        open_meter()
    with pytest.raises(MeterRefused, match=r"missing\.json"):
        open_meter(str(tmp_path / "missing.json"))
