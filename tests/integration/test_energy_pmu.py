"""Programs that see emulated counters in the real places, in a namespace of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from greenlithops.testing.meters import PowercapTree, emulate_pmu, seen_by


def namespaces():
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    command = seen_by(["true"], powercap=Path("/tmp"))
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not namespaces(), reason="the kernel allows no mount namespace here"),
]

PROBE = """
import time
from greenlithops.energy.meters import select_meter
found = select_meter()
before, begin = found.meter.read(), time.monotonic()
time.sleep(0.5)
after, span = found.meter.read(), time.monotonic() - begin
print(found.meter.name, [refusal.name for refusal in found.refusals])
print({domain: round((after[domain] - before[domain]) / span) for domain in found.meter.domains})
found.meter.close()
"""


def run(**places):
    command = seen_by([sys.executable, "-c", PROBE], **places)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_perf_events_are_preferred(tmp_path):
    pmu = emulate_pmu(tmp_path, {"energy-pkg": 42.0, "energy-ram": 5.0})
    tree = PowercapTree(tmp_path / "sys")
    tree.zone("intel-rapl:0", "package-0")
    assert run(pmu=pmu, powercap=tree.root) == ["perf []", "{'package': 42, 'dram': 5}"]


def test_powercap_comes_next(tmp_path):
    tree = PowercapTree(tmp_path / "sys")
    tree.zone("intel-rapl:0", "package-0")
    assert run(powercap=tree.root) == ["powercap ['perf']", "{'package': 0}"]


def test_nobody_else_sees_them(tmp_path):
    tree = PowercapTree(tmp_path / "sys")
    tree.zone("intel-rapl:0", "package-0")
    run(powercap=tree.root)
    assert not Path("/sys/class/powercap/intel-rapl:0/energy_uj").exists() or (
        Path("/sys/class/powercap").stat().st_ino != tree.root.stat().st_ino
    )


def test_the_perf_program_reads_the_same_events(tmp_path):
    pmu = emulate_pmu(tmp_path, {"energy-pkg": 42.0})
    command = ["perf", "stat", "-x,", "-a", "-e", "power/energy-pkg/", "sleep", "0.5"]
    done = subprocess.run(seen_by(command, pmu=pmu), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stderr.split(",")[0]) == pytest.approx(21.0, rel=0.2)


PUBLISH = """
import asyncio, os
from greenlithops.energy.sharing import shared_sampler
async def main():
    async with shared_sampler() as sampler:
        print(sampler.selection.meter.name, sampler._publisher is not None)
asyncio.run(main())
"""


@pytest.mark.parametrize("named", [False, True])
def test_nobody_else_is_told_of_them_unless_a_folder_for_it_is_named(tmp_path, named):
    pmu = emulate_pmu(tmp_path, {"energy-pkg": 42.0})
    tree = PowercapTree(tmp_path / "sys")
    tree.zone("intel-rapl:0", "package-0")
    for places in ({"pmu": pmu}, {"powercap": tree.root}):
        variables = {k: v for k, v in os.environ.items() if k != "GREENLITHOPS_RUNTIME_DIR"}
        if named:
            variables["GREENLITHOPS_RUNTIME_DIR"] = str(tmp_path)
        command = seen_by([sys.executable, "-c", PUBLISH], **places)
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
        name = "perf" if "pmu" in places else "powercap"
        assert done.stdout == f"{name} {named}\n"
