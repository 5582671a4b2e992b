"""What pods' calls cost: by a node's meter where there is one, else by the node's machine type."""

import time

import pytest

import greenlithops as gl
from greenlithops.backends.compute.kubernetes.backend import kubernetes
from greenlithops.errors import ConfigurationError
from greenlithops.testing.meters import PowercapTree
from support.burning import burning
from support.clock import soon


def busy(seconds):
    stop = time.process_time() + seconds
    while time.process_time() < stop:
        pass


@pytest.fixture
def zone(tmp_path, monkeypatch):
    made = PowercapTree(tmp_path / "sys")
    monkeypatch.setenv("GREENLITHOPS_SYSFS", str(made.sysfs))
    return made.zone("intel-rapl:0", "package-0", energy=10**15)


async def test_calls_are_measured_by_the_nodes_counters(options, zone):
    options["node_energy"] = "/sys"
    async with (
        soon(50),
        burning(zone, 50),
        gl.AsyncExecutor("kubernetes", backend_options=options) as executor,
    ):
        job = executor.map(busy, [0.3] * 4)
        await job
        found = job.energy
        assert (found.kind, found.method, found.calls) == ("measured", "powercap", 4)
        assert found.joules > 0
        assert set(found.domains) == {"package"}
        one = job[0].energy
        assert one.kind == "measured"
        assert 0 < one.joules < found.joules
        assert executor.energy.kind == "measured"


async def test_a_call_that_fails_is_measured_too(options, zone):
    options["node_energy"] = "/sys"
    async with (
        soon(50),
        burning(zone, 50),
        gl.AsyncExecutor("kubernetes", backend_options=options) as executor,
    ):
        job = executor.map(divmod, [(1, 0)])
        await job.results(return_exceptions=True)
        assert job.energy.kind == "measured"


async def test_without_a_meter_the_nodes_machine_type_says_the_watts(options, monkeypatch):
    monkeypatch.setenv("GREENLITHOPS_SYSFS", "/nowhere")
    monkeypatch.setenv("GREENLITHOPS_RUNTIME_DIR", "/nowhere")
    options["node_energy"] = True
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        job = executor.map(busy, [0.01])
        await job
        assert (job.energy.kind, job.energy.method) == ("estimated", "serverless")
        assert "m6i.large (Ice Lake)" in job.energy.reason


@pytest.mark.parametrize("wrong", ["sys", 1, ["/sys"]])
def test_what_is_no_way_to_a_meter_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="node_energy is true, false, or where"):
        kubernetes(image="x", redis="redis://x", node_energy=wrong)
