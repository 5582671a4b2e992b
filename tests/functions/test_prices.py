"""What calls in functions cost: what the service says, or what their time costs by its prices."""

import csv
import shutil
import time
from array import array
from pathlib import Path

import pytest

import greenlithops as gl
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.dispatch.billing import dollars, seconds_of
from greenlithops.models import ServiceSize
from greenlithops.offload import off_loop
from greenlithops.sync import call_logs
from greenlithops.worker.journal import FIELDS
from support.servers.functions import ROLE

KEY = "the key of these tests"
GB_SECOND, FEE = 0.0000166667, 0.2e-6  # of Lambda, x86
SIZE = ServiceSize(memory_mb=2048, vcpus=1.0, tariff="lambda-x86")


def nap(seconds):
    time.sleep(seconds)
    return seconds


def test_the_time_of_an_invocation_is_from_its_first_call_to_its_last():
    rows = [(5_000_000_000, 1_000_000_000), (4_000_000_000, 500_000_000)]
    times = array("q", [figure for row in rows for figure in (*row, *[0] * (FIELDS - 2))])
    assert seconds_of(times) == 2.0
    assert seconds_of(array("q")) == 0.0


def test_dollars_are_of_time_and_of_invocations():
    assert dollars(SIZE, 3.0) == pytest.approx(2 * 3 * GB_SECOND + FEE)
    assert dollars(SIZE, 3.0, invocations=0.5) == pytest.approx(2 * 3 * GB_SECOND + FEE / 2)
    assert dollars(None, 3.0) is None
    assert dollars(ServiceSize(memory_mb=1, vcpus=1), 3.0) is None
    vcpu = ServiceSize(memory_mb=1024, vcpus=2, tariff="fargate-x86")
    assert dollars(vcpu, 90.0) == pytest.approx(90 * (2 * 0.04048 + 0.004445) / 3600)


@pytest.mark.parametrize("chunksize", [1, 3])
async def test_a_service_that_says_nothing_of_its_bill(serve, chunksize):
    server = await off_loop(serve)
    backend = HttpBackend(server.url, KEY, size=SIZE)
    async with gl.AsyncExecutor(backend, chunksize=chunksize) as executor:
        job = executor.map(nap, [0.2, 0.2, 0.2])
        await job
    stats = [future.stats for future in job]
    assert all(one.billed_seconds is None for one in stats)
    whole = sum(one.usd for one in stats)
    least = 2 * sum(one.wall_seconds for one in stats) * GB_SECOND + 3 / chunksize * FEE
    assert least <= whole + 1e-9
    assert whole < least * 1.5


@pytest.fixture
def logs():
    yield
    shutil.rmtree(call_logs.folder())


def test_the_summary_of_jobs_in_a_service_has_costs_and_joules(ministack, logs, tmp_path):
    config = {
        "lithops": {"backend": "aws_lambda", "storage": "localhost"},
        "localhost": {"root": str(tmp_path / "storage")},
        "aws_lambda": {
            "execution_role": ROLE,
            "region": "us-east-1",
            "endpoint": ministack.endpoint,
            "access_key_id": ministack.user,
            "secret_access_key": ministack.secret,
            "runtime_memory": 1024,
            "namespace": "summary",
        },
    }
    with gl.FunctionExecutor(config=config) as fexec:
        futures = fexec.map(nap, [0.1, 0.2])
        assert fexec.get_result() == [0.1, 0.2]
        fexec.job_summary()
        with Path(fexec.log_path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        costs = [future.stats["worker_func_cost_usd"] for future in futures]
    assert costs[1] == pytest.approx(0.2 * GB_SECOND + FEE, rel=0.5)
    assert float(rows[0]["Cost"]) == pytest.approx(sum(costs))
    assert float(rows[-1]["Cost"]) == pytest.approx(sum(costs))
    assert float(rows[-1]["Energy(J)"]) > 0
