"""Calls in Oracle Functions: a stand-in for the API, Oracle's own function kit for containers."""

import asyncio
import json
import os
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import greenlithops as gl
from greenlithops.backends.compute.oracle_f.backend import oracle_f
from greenlithops.backends.compute.oracle_f.options import OracleOptions
from greenlithops.backends.compute.oracle_f.replies import meaning
from greenlithops.errors import (
    CallTimeout,
    ConfigurationError,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    WorkerLost,
)
from greenlithops.offload import off_loop
from greenlithops.worker import invocation
from support.clock import soon
from support.clouds.oracle import COMPARTMENT, KEY, SDK, SIGNATURES, Oracle, pem
from support.clouds.stand_in import Said, StandIn, content

IMAGE = "fra.ocir.io/me/calls:1"


@pytest.fixture
async def cloud(tmp_path, sdk, code):
    one = await off_loop(Oracle, tmp_path, sdk, code)
    yield one
    await off_loop(one.close)


def options(cloud, **more):
    return {
        "runtime": IMAGE,
        "compartment_id": COMPARTMENT,
        "tenancy": "tenancy",
        "user": "user",
        "fingerprint": "aa:bb",
        "region": "eu-frankfurt-1",
        "key_content": KEY,
        "subnet_id": "ocid1.subnet.oc1..a",
        "endpoint": cloud.url,
        "logging_endpoint": cloud.url,
        **more,
    }


def work(number):
    print("number", number)
    return 1 / number


async def waits(number):
    await asyncio.sleep(0.01)
    return number


def nap(seconds):
    time.sleep(seconds)
    return seconds


async def test_calls_in_a_function_of_a_stand_in_for_oracle(cloud):
    wanted = options(cloud, vcpus=0.25, env_vars={"A": "1"})
    async with soon(50), gl.AsyncExecutor("oracle_f", backend_options=wanted) as ex:
        job = ex.map(work, [0, 1, 2, 4])
        results = await job.results(return_exceptions=True)
        assert await ex.map(waits, range(3)) == [0, 1, 2]
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1:] == [1.0, 0.5, 0.25]
    assert job[2].logs == "number 2\n"
    assert job.energy.kind == "estimated"
    stats = job[2].stats
    gb_seconds = wanted.get("runtime_memory", 256) / 1024 * stats.wall_seconds
    assert 0.2e-6 < stats.usd < 0.2e-6 + 0.00001417 * (gb_seconds + 0.001)
    assert stats.billed_seconds is None
    (function,) = cloud.functions.values()
    assert function["config"]["A"] == "1"


async def test_nothing_is_made_twice_and_what_differs_is_brought_up_to_date(cloud):
    async with soon(40):
        async with oracle_f(**options(cloud)) as first:
            key = first.key
        before = len(cloud.asked)
        async with oracle_f(**options(cloud, subnet_id=None)) as again:
            assert again.key == key
        assert {one.method for one in cloud.asked[before:]} == {"GET"}
        async with oracle_f(**options(cloud, runtime_timeout=60)) as changed:
            assert changed.service.name == again.service.name
            assert changed.service.timeout_seconds == 60
            assert changed.key == key
        assert [one.method for one in cloud.asked].count("PUT") == 1


async def test_listing_describing_logs_and_deleting(cloud):
    async with soon(40), oracle_f(**options(cloud)) as backend:
        async with oracle_f(**options(cloud, runtime_memory=512)) as other:
            names = {backend.service.name, other.service.name}
            assert {one.name async for one in backend.services()} == names
            await other.delete()
            await other.delete()  # a missing one is fine
        assert [one.name async for one in backend.services()] == [backend.service.name]
        assert (await backend.describe())["python"].startswith("3.")
        assert [line async for line in backend.logs()] == [f"of {backend.service.name}"]
        (one,) = cloud.functions.values()
        cloud.functions["theirs"] = one | {"id": "theirs", "displayName": "theirs", "config": {}}
        with pytest.raises(ConfigurationError, match="none of greenlithops"):
            await oracle_f(**options(cloud, name="theirs")).__aenter__()


async def test_faults(cloud):
    wanted = options(cloud, runtime_timeout=5)
    async with soon(55), gl.AsyncExecutor(oracle_f(**wanted), max_workers=4) as ex:
        url = "/invoke"
        busy = ("POST", url, Said(429, b'{"code": "TooManyRequests"}'))
        cloud.next.extend([busy, ("POST", url, Said(503, b"away")), busy])
        assert await ex.map(abs, range(6)) == list(range(6))
        assert not cloud.next
        with pytest.raises(WorkerLost, match="FunctionInvokeExecutionFailed"):
            await ex.submit(os._exit, 3)
        with pytest.raises(PayloadTooLarge, match="6291456"):
            await ex.submit(len, bytes(7 << 20))
        with pytest.raises(CallTimeout, match="runtime_timeout"):
            await ex.submit(nap, 20)
        cloud.next.append(("POST", url, Said(200, None)))
        with pytest.raises(WorkerLost, match="broke while calls ran"):
            await ex.submit(abs, 1)
        assert await ex.submit(len, bytes(3 << 20)) == 3 << 20


async def test_throttling_loses_no_call(cloud):
    cloud.most = 3
    async with soon(50), gl.AsyncExecutor(oracle_f(**options(cloud)), max_workers=12) as ex:
        assert await ex.map(nap, [0.05] * 30) == [0.05] * 30


async def test_who_has_not_the_key_is_refused(cloud):
    async with soon(30), oracle_f(**options(cloud)) as backend:
        forged = invocation.pack(b"other", invocation.REQUEST, ())
        with pytest.raises(ServiceRefused, match="key"):
            await backend.invoke(forged)


async def test_an_application_needs_a_subnet(cloud):
    async with soon(20):
        with pytest.raises(ConfigurationError, match="subnet_id is needed"):
            await oracle_f(**options(cloud, subnet_id=None)).__aenter__()


def asked_of(command, value):
    """Return what a program prints that is given a value as JSON."""
    text = json.dumps(value)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def all_requests(cloud):
    """Have every request made that there is, and return the function's name."""
    async with oracle_f(**options(cloud)):
        pass
    async with oracle_f(**options(cloud, runtime_timeout=60)) as backend:
        assert [one async for one in backend.services()]
        assert [one async for one in backend.logs()]
        await backend.describe()
        await backend.delete()
        return backend.service.name


def target(asked):
    """Return the path of a request with its query, as it came."""
    query = "&".join(f"{name}={value}" for name, value in asked.query.items())
    return f"{asked.path}?{query}" if query else asked.path


async def test_signatures_are_those_of_oracles_own_client(cloud, sdk):
    async with soon(50):
        await all_requests(cloud)
        requests = []
        for one in cloud.asked:
            names = one.headers["authorization"].split('headers="')[1].partition('"')[0].split()
            headers = {name: one.headers[name] for name in names if name != "(request-target)"}
            body = one.body.decode("latin-1")
            parts = {"method": one.method, "path": target(one), "headers": headers, "body": body}
            requests.append(parts)
        said = await off_loop(asked_of, [sdk, "-c", SIGNATURES], {"key": KEY, "requests": requests})
    assert said.splitlines() == [one.headers["authorization"] for one in cloud.asked]


class Recorder(StandIn):
    """Answers so that a client goes on."""

    def answer(self, asked):
        return content([] if asked.method == "GET" else {})


def seen(asked):
    """Return what matters of a request."""
    body = asked.body.decode("latin-1")
    if asked.path.endswith("/invoke"):
        body = asked.headers["fn-invoke-type"]
    elif body:
        body = json.dumps(json.loads(body), sort_keys=True)
    return asked.method, asked.path, str(sorted(asked.query.items())), body


async def test_requests_are_those_of_oracles_own_client(cloud, sdk):
    async with soon(55):
        await all_requests(cloud)
        ours = cloud.asked
        posts = {
            one.path.rpartition("/")[2]: one.json()
            for one in ours
            if one.method == "POST" and not one.path.endswith("invoke")
        }
        (put,) = [one for one in ours if one.method == "PUT"]
        said = {
            "key": KEY,
            "app": posts["applications"],
            "create": posts["functions"],
            "search": posts["search"],
            "update": put.json(),
            "application": posts["functions"]["applicationId"],
            "function": put.path.rpartition("/")[2],
        }
        recorder = await off_loop(Recorder)
        try:
            await off_loop(asked_of, [sdk, "-c", SDK, recorder.url], said)
        finally:
            await off_loop(recorder.close)
    theirs = {seen(one) for one in recorder.asked}
    # They write times with milliseconds, which are zero.
    theirs = {(*one[:3], one[3].replace(".000Z", "Z")) for one in theirs}
    assert {seen(one) for one in ours} == theirs


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("FunctionInvokeExecutionTimeout", CallTimeout),
        ("FunctionInvokeImageNotAvailable", ServiceRefused),
        ("FunctionInvokeContainerOutOfMemory", OutOfMemory),
        ("FunctionInvokeExecutionFailed", WorkerLost),
    ],
)
def test_what_errors_mean(code, kind):
    body = json.dumps({"code": code, "message": "so it is"})
    with pytest.raises(kind, match=code):
        raise meaning(502, {}, f"https://functions: {body}")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"runtime_memory": 200}, "one of 128"),
        ({"runtime_timeout": 301}, "from 5 to 300"),
        ({"key_file": "/x"}, "key_file, or key_content"),
        ({"shape": "BIG"}, "GENERIC_X86"),
        ({"env_vars": {"A": "x" * 4000}}, "takes 3800"),
        ({"regoin": "x"}, "did you mean 'region'"),
    ],
    ids=["memory", "timeout", "key", "shape", "environment", "unknown"],
)
def test_options_that_are_refused(given, text):
    with pytest.raises(ConfigurationError, match=text):
        oracle_f(**(usual() | given))


def usual():
    return options(StandInURL) | {"endpoint": None, "logging_endpoint": None}


class StandInURL:
    url = None


async def test_keys_that_cannot_be_read(tmp_path):
    locked = pem(rsa.generate_private_key(65537, 2048), b"phrase")
    curve = pem(ec.generate_private_key(ec.SECP256R1()))
    async with soon(20):
        for given, text in (
            ({"key_content": "nonsense"}, "cannot be read"),
            ({"key_content": None, "key_file": str(tmp_path / "none")}, "No such file"),
            ({"key_content": locked}, "pass_phrase"),
            ({"key_content": curve}, "no RSA key"),
        ):
            with pytest.raises(ConfigurationError, match=text):
                await oracle_f(**(usual() | given)).__aenter__()


def test_lithops_names_and_secrets():
    lithops = {"max_workers": 7, "docker_password": "x", "tenancy_namespace": "me"}
    found = OracleOptions.of({**usual(), **lithops})
    assert found.concurrency == 7
    assert KEY not in repr(found)
