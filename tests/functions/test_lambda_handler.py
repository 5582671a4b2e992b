"""The handler as AWS' own runtime client calls it, under AWS' emulator: one process, one call."""

import base64
import json
import os
import subprocess
import sys

import pytest

from greenlithops.backends.compute.aws_lambda.failures import failure
from greenlithops.errors import CallTimeout, WorkerLost
from greenlithops.worker import invocation
from greenlithops.worker.lambda_handler import MESSAGE, REFUSED, TOO_LARGE
from support.servers.functions import invoke, start_emulator

KEY = "the key of these tests"


@pytest.fixture
def emulator(function_guard, tmp_path, code):
    servers = []

    def start(**options):
        servers.append(start_emulator(tmp_path / "rie", function_guard, code, KEY, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def message(function, *arguments):
    """Return an invocation as the client packs it."""
    import cloudpickle  # noqa: PLC0415 - the client's way to pickle functions

    options = {
        "environment": {},
        "is_async": False,
        "timeout": None,
        "live": False,
        "directory": "",
        "path": [],
    }
    content = (
        tuple(sys.version_info[:2]),
        b"digest",
        (cloudpickle.dumps(function), 0),
        options,
        [],
        [cloudpickle.dumps(arguments)],
        [],
    )
    return invocation.pack(KEY.encode(), invocation.REQUEST, content)


def outcome(answer):
    reply = base64.b64decode(answer)
    content, _ = invocation.unpack(KEY.encode(), invocation.REPLY, reply)
    return content


def event(function, *arguments):
    return {MESSAGE: base64.b64encode(message(function, *arguments)).decode()}


def test_a_call_and_a_warm_one(emulator):
    server = emulator()
    first = outcome(json.loads(invoke(server, event(abs, -3)))[MESSAGE])
    second = outcome(json.loads(invoke(server, event(abs, -4)))[MESSAGE])
    assert (first[0], first[2]) == (invocation.OUTCOMES, True)
    assert (second[0], second[2]) == (invocation.OUTCOMES, False)
    assert first[1] == second[1]  # the same process


def test_as_a_function_url_passes_it_on(emulator):
    request = {
        "version": "2.0",
        "requestContext": {"http": {"method": "POST", "path": "/"}},
        "body": base64.b64encode(message(abs, -3)).decode(),
        "isBase64Encoded": True,
    }
    server = emulator()
    answer = json.loads(invoke(server, request))
    assert answer["statusCode"] == 200
    assert outcome(answer["body"])[0] == invocation.OUTCOMES
    request["body"] = base64.b64encode(b"nonsense" * 20).decode()
    assert json.loads(invoke(server, request))["statusCode"] == 400
    request["requestContext"]["http"]["method"] = "GET"
    assert json.loads(invoke(server, request))["statusCode"] == 405


def test_what_is_not_authentic_is_refused(emulator):
    forged = invocation.pack(b"another key", invocation.REQUEST, ())
    server = emulator()
    answer = json.loads(invoke(server, {MESSAGE: base64.b64encode(forged).decode()}))
    assert "key" in answer[REFUSED]
    assert "no invocation" in json.loads(invoke(server, {}))[REFUSED]


def test_a_reply_that_lambda_would_not_return(emulator):
    assert json.loads(invoke(emulator(), event(bytes, 7 << 20)))[TOO_LARGE] > 7 << 20


def test_what_becomes_of_a_call_beyond_the_functions_time(emulator):
    def nap(seconds):
        import time  # noqa: PLC0415 - this function travels alone

        time.sleep(seconds)

    server = emulator(seconds=4)  # a new process has to start in that time, too
    error = failure(invoke(server, event(nap, 60)).encode(), "")
    assert isinstance(error, CallTimeout)
    answer = invoke(server, event(abs, -3))  # in a new process
    assert outcome(json.loads(answer)[MESSAGE])[2]


def test_a_process_that_ends_in_a_call(emulator):
    server = emulator()
    error = failure(invoke_failing(server, event(os._exit, 3)), "")
    assert isinstance(error, WorkerLost)
    assert error.exit_code == 3


def invoke_failing(server, what):
    from urllib.error import HTTPError  # noqa: PLC0415 - the emulator says it so

    try:
        return invoke(server, what).encode()
    except HTTPError as error:
        with error:
            return error.read()


def test_a_cold_start_imports_little(code):
    """Which modules: times are for the benchmark."""
    script = (
        "import sys; before = set(sys.modules); import greenlithops.worker.lambda_handler;"
        "print(*sorted({n.split('.')[0] for n in set(sys.modules) - before}))"
    )
    found = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "greenlithops" in found
    assert not {"asyncio", "typing", "urllib", "email", "ssl", "aiohttp", "yaml"} & set(found)
