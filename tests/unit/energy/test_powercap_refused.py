"""Powercap trees that are no meter, or not for everybody: the refusals say why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_powercap import CLIENT, SERVER

from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.powercap import open_meter
from greenlithops.testing.meters import PowercapTree
from support.folders import open_to_all


@pytest.fixture
def tree(tmp_path):
    return PowercapTree(tmp_path)


def test_refusals_say_why(tmp_path, tree):
    with pytest.raises(MeterRefused, match=r"there is no .*nowhere"):
        open_meter(str(tmp_path / "nowhere"))
    with pytest.raises(MeterRefused, match="no package or psys zone"):
        open_meter(str(tree.root))
    (tree.root / "intel-rapl:0").symlink_to("/nowhere/intel-rapl:0")
    with pytest.raises(MeterRefused, match="lead nowhere; in a container"):
        open_meter(str(tree.root))


def test_core_alone_is_not_a_machine(tree):
    tree.zone("intel-rapl:0", "core")
    with pytest.raises(MeterRefused, match="no package or psys zone"):
        open_meter(str(tree.root))


PROBE = """
import os, sys
from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.powercap import open_meter
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    meter = open_meter(sys.argv[1])
except MeterRefused as refused:
    print("refused:", refused)
else:
    print("read:", sorted(meter.read()), meter.notes)
"""


def as_nobody(tree):
    open_to_all(tree.root)
    import greenlithops.errors  # noqa: PLC0415 - to find the source tree

    source = Path(greenlithops.errors.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", PROBE, str(tree.root)],
        env={"PYTHONPATH": str(source), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return run.stdout.strip()


def test_counters_that_only_root_may_read_are_refused(tree):
    for zone, name in SERVER.items():
        (tree.zone(zone, name) / "energy_uj").chmod(0o400 if os.getuid() == 0 else 0o000)
    answer = as_nobody(tree)
    assert answer.startswith("refused: the counter of package-0 may be read by root only")
    assert "chmod a+r" in answer


def test_one_package_of_two_is_not_the_machine(tree):
    for zone, name in SERVER.items():
        mode = 0o000 if zone == "intel-rapl:1" else 0o444
        (tree.zone(zone, name) / "energy_uj").chmod(mode)
    assert as_nobody(tree).startswith("refused: the counter of package-1")


def test_a_subzone_that_cannot_be_read_is_noted(tree):
    for zone, name in CLIENT.items():
        mode = 0o000 if name == "uncore" else 0o444
        (tree.zone(zone, name) / "energy_uj").chmod(mode)
    assert as_nobody(tree) == "read: ['core', 'package'] ('package-0/uncore cannot be read',)"
