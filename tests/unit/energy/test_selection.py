"""Which meter is chosen, and what is said of those that are not."""

import pytest

from greenlithops.energy import meters
from greenlithops.energy.meters import Refusal, select_meter
from greenlithops.errors import ConfigurationError


def test_auto_finds_a_meter_and_names_the_refused():
    selection = select_meter()
    assert selection.meter is not None
    assert selection.reason is None
    tried = [refusal.name for refusal in selection.refusals]
    assert [*tried, selection.meter.name] == list(meters.SOURCES[: len(tried) + 1])
    assert all(refusal.reason for refusal in selection.refusals)
    selection.meter.close()


def test_a_named_meter():
    selection = select_meter("model")
    assert selection.meter is not None
    assert (selection.meter.name, selection.refusals) == ("model", ())
    selection.meter.close()


def test_off():
    selection = select_meter("off")
    assert selection.meter is None
    assert selection.reason == "energy is switched off"


def test_an_unknown_meter_names_the_nearest():
    with pytest.raises(ConfigurationError, match=r"no energy meter 'powrcap'.*mean 'powercap'"):
        select_meter("powrcap")
    with pytest.raises(ConfigurationError, match=r"Known are auto, off, perf, .*, model, nvml"):
        select_meter("xyz")


def test_a_named_meter_that_cannot_be_used_is_an_error_with_the_reason(monkeypatch, tmp_path):
    from greenlithops.energy.meters import powercap  # noqa: PLC0415

    original = powercap.open_meter
    monkeypatch.setattr(powercap, "open_meter", lambda: original(str(tmp_path / "none")))
    monkeypatch.setenv(meters.SYSFS, str(tmp_path))
    with pytest.raises(ConfigurationError, match="The energy meter powercap: there is no"):
        select_meter("powercap")
    selection = select_meter()
    assert selection.meter.name == "model"
    assert [refusal.name for refusal in selection.refusals] == list(meters.SOURCES[:-1])
    selection.meter.close()


def test_a_refusal_reads_well():
    assert str(Refusal("powercap", "there is none")) == "powercap: there is none"


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("prometheus", "PROMETHEUS", "garbage"),
        ("prometheus", "PROMETHEUS", "http://[::"),
        ("prometheus", "PROMETHEUS", "http://127.0.0.1:1/metrics"),
        ("powerapi", "POWERAPI", "/dev/null"),
        ("powerapi", "POWERAPI", ":::"),
        ("calibrated", "CALIBRATION", "/etc/passwd"),
        ("calibrated", "CALIBRATION", "/"),
    ],
)
def test_what_is_set_wrongly_changes_the_reason_never_the_run(
    name, variable, value, monkeypatch, tmp_path
):
    monkeypatch.setenv(f"GREENLITHOPS_{variable}", value)
    monkeypatch.setenv("GREENLITHOPS_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv(meters.SYSFS, str(tmp_path))
    selection = select_meter()
    assert selection.meter.name == "model"
    reasons = {refusal.name: refusal.reason for refusal in selection.refusals}
    assert list(reasons) == list(meters.SOURCES[:-1])
    assert reasons[name] != f"GREENLITHOPS_{variable} is not set"
    selection.meter.close()
    with pytest.raises(ConfigurationError, match=f"The energy meter {name}: "):
        select_meter(name)
