"""Cloud Functions: a stand-in that is held to Google's descriptions, and Google's framework."""

import asyncio
import json
import os
import signal

import pytest
from typer.testing import CliRunner

import greenlithops as gl
from greenlithops.backends.compute.gcp_functions.backend import gcp_functions
from greenlithops.backends.compute.gcp_functions.deployment import SETTINGS
from greenlithops.cli.app import app
from greenlithops.errors import (
    CallTimeout,
    ConfigurationError,
    IncompatibleRuntime,
    ServiceRefused,
    WorkerLost,
)
from greenlithops.offload import off_loop
from support.clock import soon
from support.clouds.google import CALLER, PARENT, PROJECT, REGION, GoogleStandIn


@pytest.fixture
async def google(function_guard, tmp_path):
    async with GoogleStandIn(tmp_path / "instances", function_guard) as google:
        yield google


@pytest.fixture
def options(google, tmp_path):
    return {
        "region": REGION,
        "credentials_path": google.credentials(tmp_path / "account.json"),
        "endpoint": google.endpoint,
        "runtime_memory": 2048,
    }


def work(number):
    print("number", number)
    if number == 5:
        raise KeyError("five")
    return number * 2, os.environ["GREENLITHOPS_PACKAGE"]


async def test_calls_in_googles_framework_deployed_to_a_stand_in(google, options):
    async with (
        soon(50),
        gl.AsyncExecutor("gcp_functions", backend_options=options, max_workers=4) as executor,
    ):
        job = executor.map(work, range(8))
        results = await job.results(return_exceptions=True)
    assert [result[0] for n, result in enumerate(results) if n != 5] == [0, 2, 4, 6, 8, 12, 14]
    assert len(results[0][1]) == 10
    assert isinstance(results[5], KeyError)
    assert job[3].logs == "number 3\n"
    stats, energy = job[3].stats, job[3].energy
    assert (energy.kind, energy.method) == ("estimated", "serverless")
    assert energy.joules == pytest.approx((4.26 - 0.71) * stats.cpu_seconds)
    assert google.identities == 1
    (name,) = google.functions
    function = google.functions[name]
    assert function["serviceConfig"]["availableMemory"] == "2048Mi"
    assert name.startswith(f"{PARENT}/functions/greenlithops-py3")


async def test_a_program_for_lithops_at_a_stand_in(google, options):
    config = {
        "gcp": {"region": REGION, "credentials_path": options["credentials_path"]},
        "gcp_functions": {"endpoint": google.endpoint, "trigger": "pub/sub", "retries": 5},
    }

    def program():
        with gl.FunctionExecutor(backend="gcp_functions", config=config) as executor:
            return executor.get_result(executor.map(abs, range(-5, 0)))

    async with soon(50):
        assert await off_loop(program) == [5, 4, 3, 2, 1]


async def test_opening_again_at_a_stand_in_changes_nothing(google, options):
    async with soon(50), gcp_functions(**options) as backend:
        before, key = backend.service, backend.key
        found = await backend.describe()
        assert found["packages"]["functions-framework"]
    asked = len(google.asked)
    async with soon(50), gcp_functions(**options) as backend:
        assert (backend.service, backend.key) == (before, key)
        assert key.decode() not in repr(before)
    assert google.asked[asked:] == ["cloudfunctions.projects.locations.functions.get"]


async def test_a_function_is_brought_up_to_date_at_a_stand_in(google, options):
    options |= {"runtime": "mine", "env_vars": {"COLOUR": "red"}}
    async with soon(50), gl.AsyncExecutor(gcp_functions(**options)) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "red"
    options |= {"env_vars": [{"name": "COLOUR", "value": "green"}], "runtime_timeout": 60}
    google.slow = True
    async with soon(50), gl.AsyncExecutor(gcp_functions(**options)) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "green"
    assert len(google.uploads) == 1  # the code is the same
    options |= {"requirements": ["tabulate==0.9.0"]}
    async with soon(50), gcp_functions(**options) as backend:
        assert backend.service.timeout_seconds == 60
    assert len(google.uploads) == 2
    (function,) = google.functions.values()
    assert len(function["labels"][SETTINGS]) == 10


async def test_functions_are_listed_deleted_and_their_logs_read_at_a_stand_in(google, options):
    for number in range(3):  # of somebody else
        name = f"{PARENT}/functions/other-{number}"
        google.functions[name] = {"name": name, "state": "ACTIVE", "serviceConfig": {}}
    google.entries = [
        {"textPayload": "one\n"},
        {"jsonPayload": {"message": "two"}},
        {"httpRequest": {"status": 200}},
        {"textPayload": "three"},
    ]
    async with soon(50), gcp_functions(**options) as backend:
        (found,) = [one async for one in backend.services()]
        assert (found.name, found.memory_mb) == (backend.service.name, 2048)
        assert [line async for line in backend.logs()] == ["one", "two", "three"]
        assert f'service_name="{found.name}"' in google.filters[0]
        assert 'timestamp>="20' in google.filters[0]
        await backend.delete()
        await backend.delete()  # again, which is fine
        assert [one async for one in backend.services()] == []


async def test_a_function_that_a_stand_in_cannot_build_says_why_and_can_be_mended(google, options):
    google.broken = "the build failed: no such package"
    with pytest.raises(ServiceRefused, match="no such package"):
        async with soon(30), gcp_functions(**options):
            pass
    async with soon(30), gcp_functions(**options) as backend:
        assert backend.service.url


async def test_a_function_of_somebody_else_is_left_alone_at_a_stand_in(google, options):
    name = f"{PARENT}/functions/mine"
    google.functions[name] = {"name": name, "state": "ACTIVE", "labels": {}}
    with pytest.raises(ConfigurationError, match="none of greenlithops"):
        async with soon(20), gcp_functions(**options, runtime="mine"):
            pass


async def test_another_python_is_told_before_anything_runs_at_a_stand_in(
    google, options, monkeypatch
):
    options["runtime"] = "mine"
    async with soon(50), gcp_functions(**options):
        pass
    (function,) = google.functions.values()
    function["buildConfig"]["runtime"] = "python37"
    with pytest.raises(IncompatibleRuntime, match=r"runs Python 3\.7"):
        async with soon(20), gcp_functions(**options):
            pass


async def test_a_control_plane_that_is_busy_is_asked_again_by_way_of_a_stand_in(google, options):
    google.busy = [503, 429]
    async with soon(50), gcp_functions(**options) as backend:
        assert backend.service.url


async def test_no_call_is_lost_to_a_stand_in_that_throttles(google, options):
    async with soon(50), gl.AsyncExecutor(gcp_functions(**options), max_workers=4) as executor:
        assert await executor.submit(abs, -1) == 1
        busy = "The request was aborted because there was no available instance."
        google.instances.faults += [(429, {}, "Rate exceeded."), (500, {}, busy)] * 5
        assert await executor.map(abs, range(-20, 0)) == list(range(20, 0, -1))
    assert not google.instances.faults


async def test_what_statuses_of_a_stand_in_mean_for_calls(google, options):
    async with soon(50), gl.AsyncExecutor(gcp_functions(**options)) as executor:
        assert await executor.submit(abs, -1) == 1
        google.instances.faults = [(503, {}, "Service Unavailable")]
        with pytest.raises(WorkerLost, match="the instance ended"):
            await executor.submit(abs, -1)
        google.instances.faults = [(504, {}, "upstream request timeout")]
        with pytest.raises(CallTimeout, match="300 seconds"):
            await executor.submit(abs, -1)
        google.instances.faults = [(403, {}, "does not have permission")]
        with pytest.raises(ServiceRefused, match=r"run\.invoker"):
            await executor.submit(abs, -1)


async def test_an_identity_that_ends_is_renewed_by_a_stand_in(google, options):
    google.lifetime = 1
    async with soon(50), gl.AsyncExecutor(gcp_functions(**options)) as executor:
        assert await executor.submit(abs, -1) == 1
        await asyncio.sleep(1.1)
        assert await executor.submit(abs, -2) == 2
    assert google.identities == 2


async def test_an_identity_that_is_refused_is_renewed_once_by_a_stand_in(google, options):
    backend = gcp_functions(**options)
    async with soon(50), gl.AsyncExecutor(backend) as executor:
        assert await executor.submit(abs, -1) == 1
        backend.deployer.google._renewed -= 60
        google.instances.faults = [(401, {}, "the key was rotated")]
        assert await executor.submit(abs, -2) == 2
        google.instances.faults = [(401, {}, "the key was rotated")]
        with pytest.raises(ServiceRefused, match="rotated"):
            await executor.submit(abs, -2)
    assert google.identities == 2


async def test_a_person_acts_as_an_account_at_a_stand_in(google, options, tmp_path):
    path = tmp_path / "person.json"
    person = {
        "type": "authorized_user",
        "client_id": "a",
        "client_secret": "b",
        "refresh_token": "of a person",
        "token_uri": f"{google.url}/token",
    }
    path.write_text(json.dumps(person))
    options |= {"credentials_path": str(path), "project_name": PROJECT}
    with pytest.raises(ConfigurationError, match="give service_account"):
        async with soon(30), gl.AsyncExecutor(gcp_functions(**options)) as executor:
            await executor.submit(abs, -1)
    options |= {"service_account": CALLER}
    async with soon(30), gl.AsyncExecutor(gcp_functions(**options)) as executor:
        assert await executor.submit(abs, -1) == 1
    (function,) = google.functions.values()
    assert function["serviceConfig"]["serviceAccountEmail"] == CALLER


async def test_credentials_that_a_stand_in_refuses(google, options, tmp_path):
    options["credentials_path"] = google.credentials(tmp_path / "other.json", client_email="who?")
    with pytest.raises(ServiceRefused, match="gcp_functions: the credentials are refused"):
        async with soon(20), gcp_functions(**options):
            pass


async def test_an_instance_that_dies_in_a_call_deployed_to_a_stand_in(google, options):
    def die(number):
        os.kill(os.getpid(), signal.SIGKILL)

    async with soon(30), gl.AsyncExecutor(gcp_functions(**options)) as executor:
        with pytest.raises(WorkerLost, match="the instance ended"):
            await executor.submit(die, 1)


async def test_the_command_line_at_a_stand_in(google, options, tmp_path):
    content = {
        "lithops": {"backend": "gcp_functions"},
        "gcp": {"region": REGION, "credentials_path": options["credentials_path"]},
        "gcp_functions": {"endpoint": google.endpoint, "runtime_memory": 512},
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(content))
    google.entries = [{"textPayload": "one"}]

    async def said(*words):
        done = await off_loop(CliRunner().invoke, app, [*words, "--config", str(config), "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    async with soon(50):
        await said("runtime", "deploy", "default")
        (row,) = await said("runtime", "list")
        name = row["Worker Name"]
        assert row["Memory Size"] == 512
        assert f"{PARENT}/functions/{name}" in google.functions
        assert await said("runtime", "delete", name) == {"deleted": [name]}
        assert not google.functions
