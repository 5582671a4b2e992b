"""Cloud Run: a stand-in held to Google's descriptions, which runs what the image's recipe says."""

import os

import pytest

import greenlithops as gl
from greenlithops.backends.compute.gcp_cloudrun.backend import gcp_cloudrun
from greenlithops.errors import CallTimeout, ConfigurationError, IncompatibleRuntime, ServiceRefused
from support.clock import soon
from support.clouds.google import PARENT, PROJECT, REGION, GoogleStandIn


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
    }


def work(number):
    print("number", number)
    if number == 5:
        raise KeyError("five")
    return number * 2


async def test_calls_in_a_service_that_a_stand_in_builds_and_runs(google, options):
    google.slow = True
    async with (
        soon(50),
        gl.AsyncExecutor("gcp_cloudrun", backend_options=options, max_workers=4) as executor,
    ):
        job = executor.map(work, range(8))
        results = await job.results(return_exceptions=True)
    assert [result for n, result in enumerate(results) if n != 5] == [0, 2, 4, 6, 8, 12, 14]
    assert isinstance(results[5], KeyError)
    assert job[3].logs == "number 3\n"
    assert job[3].energy.kind == "estimated"
    assert job[3].energy.idle_joules == pytest.approx(0.71 * 0.25 * job[3].stats.wall_seconds)
    assert google.repositories == {f"{PARENT}/repositories/greenlithops"}
    assert google.buckets == {f"greenlithops-{PROJECT}-{REGION}"}
    (service,) = google.services.values()
    (container,) = service["template"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "250m", "memory": "256Mi"}
    assert service["template"]["maxInstanceRequestConcurrency"] == 1


async def test_opening_again_at_a_stand_in_builds_nothing(google, options):
    async with soon(50), gcp_cloudrun(**options) as backend:
        before, key = backend.service, backend.key
        assert "uvicorn" in (await backend.describe())["packages"]
    asked = len(google.asked)
    async with soon(50), gcp_cloudrun(**options) as backend:
        assert (backend.service, backend.key) == (before, key)
    assert google.asked[asked:] == [
        "artifactregistry.projects.locations.repositories.packages.tags.get",
        "run.projects.locations.services.get",
    ]


async def test_a_service_is_brought_up_to_date_listed_and_deleted_at_a_stand_in(google, options):
    options["env_vars"] = {"COLOUR": "red"}
    async with soon(50), gl.AsyncExecutor(gcp_cloudrun(**options)) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "red"
    options |= {"env_vars": {"COLOUR": "green"}, "runtime_timeout": 60}
    backend = gcp_cloudrun(**options)
    async with soon(50), gl.AsyncExecutor(backend) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "green"
        assert backend.service.timeout_seconds == 60
        (found,) = [one async for one in backend.services()]
        assert (found.name, found.memory_mb) == (backend.service.name, 256)
        google.instances.faults = [(504, {}, "upstream request timeout")]
        with pytest.raises(CallTimeout, match="60 seconds"):
            await executor.submit(abs, -1)
        await backend.delete()
        await backend.delete()
        assert not google.services
    assert len(google.objects) == 2  # one archive, and what was built of it


async def test_an_image_of_ones_own_is_not_built_by_a_stand_in(google, options, code):
    async with soon(30), gcp_cloudrun(**options) as backend:
        built = backend.service.package
    asked = len(google.asked)
    google.objects["mine:1"] = google.objects[built]
    async with soon(30), gl.AsyncExecutor(gcp_cloudrun(**options, runtime="mine:1")) as executor:
        assert await executor.submit(abs, -1) == 1
    assert not [name for name in google.asked[asked:] if not name.startswith("run.")]
    assert len(google.services) == 2


async def test_what_does_not_become_ready_at_a_stand_in_says_why(google, options):
    google.broken = "the image has no such layer"
    with pytest.raises(ServiceRefused, match=r"could not build .*no such layer"):
        async with soon(30), gcp_cloudrun(**options):
            pass
    async with soon(30), gcp_cloudrun(**options):
        pass
    google.broken = "the container did not listen"
    with pytest.raises(ServiceRefused, match="did not listen"):
        async with soon(30), gcp_cloudrun(**options, runtime_timeout=90):
            pass
    async with soon(30), gcp_cloudrun(**options, runtime_timeout=90) as backend:
        assert backend.service.url


async def test_services_of_others_and_of_another_python_at_a_stand_in(google, options):
    async with soon(30), gcp_cloudrun(**options):
        pass
    (service,) = google.services.values()
    service["labels"]["greenlithops-python"] = "3-7"
    with pytest.raises(IncompatibleRuntime, match=r"runs Python 3\.7"):
        async with soon(20), gcp_cloudrun(**options):
            pass
    service["template"]["containers"][0]["env"] = []
    with pytest.raises(ConfigurationError, match="none of greenlithops"):
        async with soon(20), gcp_cloudrun(**options):
            pass
