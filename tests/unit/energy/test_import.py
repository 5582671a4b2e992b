"""Importing the package imports nothing heavy, and its names are what they say."""

import subprocess
import sys

import pytest

from greenlithops import energy


def imported_by(statement):
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_package_alone_is_light():
    loaded = {name for name in imported_by("import greenlithops.energy") if "energy" in name}
    assert loaded == {"greenlithops.energy"}


def test_off_imports_no_meter():
    loaded = imported_by(
        "from greenlithops.energy import select_meter; assert select_meter('off').meter is None"
    )
    assert not {name for name in loaded if name.startswith("greenlithops.energy.meters.")}
    assert "psutil" not in loaded


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere psutil is what there is")
def test_a_sampler_needs_no_psutil():
    assert "psutil" not in imported_by(
        "from greenlithops.energy import EnergySampler, select_meter"
    )


def test_every_public_name_can_be_had():
    for name in energy.__all__:
        assert getattr(energy, name).__name__ == name
    assert set(energy.__all__) == set(energy._HOMES)
    assert dir(energy) == sorted(energy.__all__)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        energy.nothing_of_the_kind  # noqa: B018
