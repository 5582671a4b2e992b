"""Calls in an application of Code Engine: a stand-in for the API, the worker's own application."""

import json
import subprocess

import pytest

import greenlithops as gl
from greenlithops.backends.compute.code_engine.backend import code_engine
from greenlithops.backends.compute.code_engine.deployment import API_VERSION, CodeEngineDeployer
from greenlithops.backends.compute.code_engine.options import CodeEngineOptions
from greenlithops.errors import (
    ConfigurationError,
    NotSupported,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)
from greenlithops.offload import off_loop
from support.clock import soon
from support.clouds.code_engine import PROJECT, SDK, CodeEngine
from support.clouds.stand_in import Said, StandIn, content

IMAGE = "icr.io/me/calls:1"


@pytest.fixture
async def engine(tmp_path):
    one = await off_loop(CodeEngine, tmp_path)
    yield one
    await off_loop(one.close)


def options(engine, **more):
    return {
        "runtime": IMAGE,
        "region": "eu-de",
        "iam_api_key": "the api key",
        "project_name": "mine",
        "endpoint": f"{engine.url}/v2",
        "iam_endpoint": engine.url,
        "container_concurrency": 4,
        **more,
    }


def work(number):
    print("number", number)
    return 1 / number


async def test_calls_in_an_application_of_a_stand_in_for_code_engine(engine):
    async with soon(40), gl.AsyncExecutor("code_engine", backend_options=options(engine)) as ex:
        job = ex.map(work, [0, 1, 2, 4])
        results = await job.results(return_exceptions=True)
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1:] == [1.0, 0.5, 0.25]
    assert job[2].logs == "number 2\n"
    assert job.energy.kind == "estimated"
    assert job[1].stats.usd is None  # instances are billed, not calls


async def test_nothing_is_made_twice_and_what_differs_is_brought_up_to_date(engine):
    async with soon(50):
        async with code_engine(**options(engine)) as first:
            key = first.key
        made = [one.method for one in engine.asked].count("POST")
        async with code_engine(**options(engine, docker_user="me", docker_password="x")) as again:
            assert again.key == key
            (app,) = engine.apps.values()
            assert app["image_secret"] == f"{again.service.name}-registry"
        async with code_engine(**options(engine, docker_user="me", docker_password="y")) as same:
            assert same.key == key
        assert engine.secrets[app["image_secret"]]["data"]["password"] == "y"
        methods = [one.method for one in engine.asked]
        assert methods.count("PATCH") == 1
        assert methods.count("POST") == made + 2 * 3  # tokens, and secrets which are there already


async def test_listing_describing_and_deleting(engine):
    async with soon(40), code_engine(**options(engine)) as backend:
        engine.apps["theirs"] = {"name": "theirs", "run_env_variables": []}
        assert [one.name async for one in backend.services()] == [backend.service.name]
        assert (await backend.describe())["python"].startswith("3.")
        with pytest.raises(NotSupported, match="ibmcloud ce app logs"):
            assert [line async for line in backend.logs()]
        with pytest.raises(ConfigurationError, match="none of greenlithops"):
            await backend.delete("theirs")
        await backend.delete()
        await backend.delete()  # a missing one is fine
        assert list(engine.apps) == ["theirs"]
        assert not engine.secrets


async def test_a_project_is_made_if_there_is_none(engine):
    wanted = CodeEngineOptions.of(
        options(engine, project_name="new", resource_group_id="group", ready_seconds=20)
    )
    deployer = CodeEngineDeployer(wanted)
    await deployer.open()
    try:
        async with soon(20):
            assert [one async for one in deployer.services()] == []
            assert await deployer._made_project() == "made"
    finally:
        await deployer.close()
    assert engine.projects[1]["resource_group_id"] == "group"


async def test_tokens_are_renewed_before_they_expire(engine):
    engine.life = 0.0
    async with soon(40), code_engine(**options(engine)) as backend:
        assert engine.tokens > 3
        assert [one async for one in backend.services()]
    engine.life = 3600
    async with soon(20):
        with pytest.raises(ServiceRefused, match="key could not be found"):
            await code_engine(**options(engine, iam_api_key="wrong")).__aenter__()
        with pytest.raises(ServiceRefused, match="expired"):
            await code_engine(
                **options(engine, iam_api_key=None, token="token-0", project_id=PROJECT)
            ).__aenter__()
        gone = options(engine, iam_endpoint="http://127.0.0.1:9")
        with pytest.raises(ServiceUnavailable, match="IAM is not reached"):
            await code_engine(**gone).__aenter__()


async def test_an_application_that_does_not_become_ready_says_why(engine):
    engine.broken[IMAGE] = "fetch_image_failed_wrong_pull_credentials"
    async with soon(20):
        with pytest.raises(ServiceRefused, match="wrong_pull_credentials"):
            await code_engine(**options(engine)).__aenter__()


async def test_faults(engine):
    async with soon(40), gl.AsyncExecutor(code_engine(**options(engine)), max_workers=4) as ex:
        name = next(iter(engine.apps))
        busy = ("POST", name, Said(429, b"too many", {"Retry-After": "0"}))
        engine.next.extend([busy, ("POST", name, Said(503, b"no instance"))])
        assert await ex.map(abs, range(8)) == list(range(8))
        assert not engine.next
        engine.next.append(("POST", name, Said(504, b"upstream request timeout")))
        with pytest.raises(WorkerLost, match="upstream request timeout"):
            await ex.submit(abs, 1)
        engine.next.append(("POST", name, Said(200, None)))
        with pytest.raises(WorkerLost, match="broke while calls ran"):
            await ex.submit(abs, 1)


class Recorder(StandIn):
    """Answers so that a client goes on."""

    def answer(self, asked):
        return content({"id": "made", "entity_tag": "1", "data": {}, "status": "active"})


def seen(asked):
    """Return what matters of a request."""
    body = json.dumps(json.loads(asked.body), sort_keys=True) if asked.body else ""
    kind = asked.headers.get("content-type", "") if body else ""
    query = sorted(item for item in asked.query.items() if item[0] != "start")
    return asked.method, asked.path, str(query), kind, asked.headers.get("if-match", ""), body


async def test_requests_are_those_of_ibms_own_client(engine, sdk):
    wanted = options(engine, docker_user="me", docker_password="x", resource_group_id="group")
    async with soon(55):
        async with code_engine(**wanted):
            pass
        async with code_engine(**wanted, max_scale=3) as backend:
            assert [one async for one in backend.services()]
            await backend.delete()
        engine.broken[IMAGE] = "x"
        with pytest.raises(ServiceRefused):
            await code_engine(**wanted).__aenter__()
        deployer = CodeEngineDeployer(CodeEngineOptions.of(wanted | {"project_name": "new"}))
        await deployer.open()
        await deployer._made_project()
        await deployer.close()
    ours = [one for one in engine.asked if one.path.startswith("/v2/projects")]
    posts = [one.json() for one in ours if one.method == "POST" and one.path.endswith("/apps")]
    secrets = [one.json() for one in ours if one.method == "POST" and "/secrets" in one.path]
    said = {
        "app": posts[0],
        "patch": next(one.json() for one in ours if one.method == "PATCH"),
        "secret": next(one for one in secrets if one["format"] == "generic"),
        "registry": next(one for one in secrets if one["format"] == "registry"),
        "project": {"name": "new", "resource_group_id": "group"},
    }
    recorder = await off_loop(Recorder)
    try:
        await off_loop(
            subprocess.check_call,
            [sdk, "-c", SDK, f"{recorder.url}/v2", PROJECT, API_VERSION, json.dumps(said)],
        )
    finally:
        await off_loop(recorder.close)
    theirs = {seen(one) for one in recorder.asked}
    # Keys are made anew: those of later attempts are others.
    checked = {seen(one) for one in ours if not (one.path.endswith("/secrets") and one.body)}
    checked |= {seen(one) for one in ours if one.body and one.json() in list(said.values())}
    assert checked - theirs == set()
    assert len(checked) > 10


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"runtime_memory": 300}, "256, 512, 1024 MB"),
        ({"runtime_cpu": 3}, "one of 0.125"),
        ({"iam_api_key": None}, "iam_api_key, or token"),
        ({"project_name": None}, "project_id, or project_name"),
        ({"runtime_timeout": 601}, "from 1 to 600"),
        ({"docker_user": "me"}, "go together"),
        ({"name": "-x"}, "small letters"),
        ({"regoin": "x"}, "did you mean 'region'"),
    ],
    ids=["memory", "cpu", "key", "project", "timeout", "docker", "name", "unknown"],
)
def test_options_that_are_refused(given, text):
    usual = {"runtime": IMAGE, "region": "eu-de", "iam_api_key": "k", "project_name": "p"}
    with pytest.raises(ConfigurationError, match=text):
        code_engine(**(usual | given))


def test_lithops_names_and_secrets():
    found = CodeEngineOptions.of(
        {
            "runtime": IMAGE,
            "region": "eu-de",
            "iam_api_key": "quiet",
            "project_id": "p",
            "max_workers": 9,
            "connection_retries": 3,
            "namespace": "x",
        }
    )
    assert found.max_scale == 9
    assert found.api() == "https://api.eu-de.codeengine.cloud.ibm.com/v2"
    assert "quiet" not in repr(found)
