"""AWS Lambda: ministack's control plane, which runs the handlers that it is given."""

import asyncio
import base64
import io
import os
import platform
import time
import zipfile

import pytest

import greenlithops as gl
from greenlithops.backends.compute.aws_lambda import deployment
from greenlithops.backends.compute.aws_lambda.backend import aws_lambda
from greenlithops.backends.compute.http.client import Answered
from greenlithops.errors import (
    ConfigurationError,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)
from greenlithops.offload import off_loop
from support.clock import soon
from support.servers.functions import ROLE

BUCKET = "messages"


@pytest.fixture
def options(ministack):
    return {
        "execution_role": ROLE,
        "region": "us-east-1",
        "endpoint": ministack.endpoint,
        "access_key_id": ministack.user,
        "secret_access_key": ministack.secret,
    }


@pytest.fixture
async def executor(options):
    async with gl.AsyncExecutor("aws_lambda", backend_options=options) as executor:
        yield executor


def work(number):
    print("number", number)
    if number == 5:
        raise KeyError("five")
    return number * 2, os.environ["AWS_LAMBDA_FUNCTION_NAME"]


async def test_calls_results_errors_and_output(executor):
    async with soon(50):
        job = executor.map(work, range(8))
        results = await job.results(return_exceptions=True)
    assert [result[0] for n, result in enumerate(results) if n != 5] == [0, 2, 4, 6, 8, 12, 14]
    assert results[0][1].startswith("greenlithops-py3")
    assert isinstance(results[5], KeyError)
    assert "in work" in "".join(results[5].__notes__)
    assert job[3].logs == "number 3\n"
    assert job[3].energy.kind == "estimated"
    assert 0 < job[3].energy.joules_low < job[3].energy.joules
    assert job.energy.calls == 8


async def test_environments_are_cold_once(options):
    options["namespace"] = "cold"
    async with soon(50), gl.AsyncExecutor("aws_lambda", backend_options=options) as executor:
        first = executor.map(abs, [-1])
        assert await first == [1]
        second = executor.map(abs, [-2])
        assert await second == [2]
    assert first[0].stats.cold_start
    assert not second[0].stats.cold_start
    assert first[0].stats.worker == second[0].stats.worker


async def test_opening_again_changes_nothing(options):
    options["namespace"] = "again"
    async with soon(50), aws_lambda(**options) as first:
        before, key = first.function, first.key
    async with soon(50), aws_lambda(**options) as second:
        assert second.function == before
        assert second.key == key
        assert len(key) == 64
        assert key.decode() not in repr(before)


async def test_a_deployment_is_brought_up_to_date(options):
    options |= {"runtime": "updated", "runtime_timeout": 30, "env_vars": {"COLOUR": "red"}}
    async with soon(50), gl.AsyncExecutor(aws_lambda(**options)) as executor:
        assert await executor.submit(os.getenv, "COLOUR") == "red"
    options |= {"runtime_timeout": 60, "env_vars": [{"name": "COLOUR", "value": "green"}]}
    async with soon(50), aws_lambda(**options) as backend:
        assert backend.function.timeout_seconds == 60
        client = await backend._account.client()
        found = await client.get_function_configuration(FunctionName="updated")
        assert found["Environment"]["Variables"]["COLOUR"] == "green"
        # As another version of greenlithops would have left it.
        variables = found["Environment"]["Variables"] | {deployment.PACKAGE_VARIABLE: "other"}
        await client.update_function_configuration(
            FunctionName="updated", Environment={"Variables": variables}
        )
    async with soon(50), aws_lambda(**options) as backend:
        assert backend.function.package != "other"


async def test_functions_are_listed_described_and_deleted(options):
    options |= {"namespace": "listed", "runtime_memory": 512, "architecture": "arm64"}
    options |= {"user_tags": [{"Key": "team", "Value": "green"}]}
    async with soon(50), aws_lambda(**options) as backend:
        name = backend.function.name
        found = {one.name: one async for one in backend.functions()}
        assert found[name].memory_mb == 512
        assert found[name].architecture == "arm64"
        client = await backend._account.client()
        tags = await client.list_tags(Resource=backend.function.arn)
        assert tags["Tags"]["team"] == "green"
        what = await backend.describe()
        assert what["python"].rpartition(".")[0] == platform.python_version().rpartition(".")[0]
        assert "botocore" in what["packages"]
        await backend.delete()
        await backend.delete()
        assert name not in {one.name async for one in backend.functions()}
        with pytest.raises(ServiceRefused, match="404"):
            await backend.invoke(b"x")


async def test_a_function_of_somebody_else_is_left_alone(options):
    async with soon(50), aws_lambda(**options, namespace="mine") as backend:
        client = await backend._account.client()
        code = await off_loop(gl_package)
        await client.create_function(
            FunctionName="theirs",
            Role=ROLE,
            Runtime=f"python{platform.python_version().rpartition('.')[0]}",
            Handler="x.y",
            Code={"ZipFile": code},
        )
    async with soon(50):
        with pytest.raises(ConfigurationError, match="none of greenlithops"):
            async with aws_lambda(**options, runtime="theirs"):
                pass


def gl_package():
    from greenlithops.backends.compute.package import package  # noqa: PLC0415

    return package().archive()


async def test_no_call_is_lost_to_reserved_concurrency(options):
    options["namespace"] = "few"
    backend = aws_lambda(**options)
    async with soon(55), gl.AsyncExecutor(backend) as executor:
        client = await backend._account.client()
        await client.put_function_concurrency(
            FunctionName=backend.function.name, ReservedConcurrentExecutions=2
        )
        job = executor.map(nap, [0.05] * 30)
        assert len(await job) == 30
        assert len({future.stats.worker for future in job}) <= 2
        assert executor._engine._dispatcher._pace.limit < 30


def nap(seconds):
    time.sleep(seconds)
    return seconds


async def test_an_environment_that_dies_in_a_call(options):
    options["namespace"] = "dies"
    async with soon(50), gl.AsyncExecutor("aws_lambda", backend_options=options) as executor:
        with pytest.raises(WorkerLost):
            await executor.submit(os._exit, 3)
        assert await executor.submit(abs, -3) == 3


async def test_what_is_too_large_goes_through_storage(options, ministack):
    options["namespace"] = "large"
    access = {name: options[name] for name in ("endpoint", "access_key_id", "secret_access_key")}
    storage = gl.AsyncStorage("s3", bucket=BUCKET, region="us-east-1", **access)
    async with soon(55), storage:
        await storage.create_bucket(BUCKET)
        async with gl.AsyncExecutor(
            "aws_lambda", backend_options=options, storage=storage
        ) as executor:
            assert await executor.submit(len, bytes(8 << 20)) == 8 << 20
            assert await executor.submit(bytes, 7 << 20) == bytes(7 << 20)
            assert await executor.map(abs, [-1, -2]) == [1, 2]
        left = [one.key async for one in storage.list(BUCKET, "greenlithops.messages/")]
        assert left == []


async def test_what_is_too_large_without_a_storage(executor):
    async with soon(50):
        with pytest.raises(PayloadTooLarge, match="storage"):
            await executor.submit(len, bytes(8 << 20))
        with pytest.raises(PayloadTooLarge, match="storage"):
            await executor.submit(bytes, 7 << 20)


async def test_a_service_that_is_not_there(options):
    options |= {"endpoint": "http://127.0.0.1:9", "patience": 0.5}
    async with soon(50):
        with pytest.raises(ServiceUnavailable, match="could not be asked"):
            async with aws_lambda(**options):
                pass


async def test_credentials_that_expire_by_an_answer_of_our_own(options, monkeypatch, tmp_path):
    """The server believes every signature; so an answer of Lambda's stands before its own."""
    options["namespace"] = "expiring"
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = old\naws_secret_access_key = test\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    backend = aws_lambda(
        **{name: value for name, value in options.items() if "access_key" not in name}
    )
    async with soon(50), gl.AsyncExecutor(backend) as executor:
        assert await executor.submit(abs, -1) == 1
        post, expired = backend._endpoint._post, []

        async def refuse_old(data, digest, kind):
            signer = await backend._account.signer("us-east-1")
            if signer.credentials.access_key == "old":
                expired.append(1)
                return Answered(403, {"X-Amzn-ErrorType": "ExpiredTokenException"}, b"{}")
            return await post(data, digest, kind)

        backend._endpoint._post = refuse_old
        await off_loop(file.write_text, file.read_text().replace("old", "new"))
        assert await executor.map(abs, [-1, -2, -3]) == [1, 2, 3]
        assert expired


async def test_logs_of_a_function(options):
    options["namespace"] = "logs"
    backend = aws_lambda(**options)
    async with soon(50), gl.AsyncExecutor(backend) as executor:
        await executor.submit(speak)
        for _ in range(50):
            lines = [line async for line in backend.logs()]
            if lines:
                break
            await asyncio.sleep(0.1)
    assert any("beside Python" in line or "REPORT" in line for line in lines)


def speak():
    os.write(2, b"said beside Python's streams\n")


def test_lithops_program_on_lambda(options, tmp_path):
    """The synchronous face, with Lithops' keys."""
    config = {
        "localhost": {"root": str(tmp_path)},
        "lithops": {"backend": "aws_lambda"},
        "aws": {"region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"},
        "aws_lambda": {
            "execution_role": ROLE,
            "endpoint": options["endpoint"],
            "namespace": "sync",
            "runtime_timeout": 50,
        },
    }
    with gl.ServerlessExecutor(config=config) as executor:
        futures = executor.map(abs, [-1, -2, -3])
        assert executor.get_result(futures) == [1, 2, 3]
        future = executor.call_async(memory, None, runtime_memory=512)
        assert future.result() == "512"


def memory(_):
    return os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]


async def test_what_is_billed_by_a_report_of_our_own(options):
    """The server reports nothing; so the line that AWS documents is put into its replies."""
    options |= {"namespace": "billed", "runtime_memory": 1024}
    backend = aws_lambda(**options)
    line = (
        "REPORT RequestId: 1\tDuration: 80.00 ms\tBilled Duration: 100 ms\tMemory Size: 1024 MB\t"
        "Max Memory Used: 41 MB\tInit Duration: 19.51 ms\t\n"
    )
    async with soon(50), gl.AsyncExecutor(backend, chunksize=2) as executor:
        post, replies = backend._endpoint._post, []

        async def reporting(data, digest, kind):
            replies.append(data)
            status, headers, reply = await post(data, digest, kind)
            said = {"X-Amz-Log-Result": base64.b64encode(line.encode()).decode()}
            return status, dict(headers) | said, reply

        backend._endpoint._post = reporting
        job = executor.map(abs, [-1, -2])
        assert await job == [1, 2]
    stats, shared = job[1].stats, 2 / len(replies)  # a busy machine may not send both at once
    assert stats.billed_seconds == pytest.approx(0.1 / shared)
    # 0.1 s of 1 GB, and an invocation.
    assert stats.usd == pytest.approx((0.1 * 0.0000166667 + 0.0000002) / shared, rel=1e-3)
    assert job[0].stats.cold_start


async def test_layers_are_imported_from(options):
    async with soon(50), aws_lambda(**options, namespace="publisher") as backend:
        client = await backend._account.client()
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("python/of_a_layer.py", "ANSWER = 42\n")
        layer = await client.publish_layer_version(
            LayerName="extra", Content={"ZipFile": content.getvalue()}
        )
    options |= {"namespace": "layered", "layers": [layer["LayerVersionArn"]]}
    async with soon(50), gl.AsyncExecutor("aws_lambda", backend_options=options) as executor:
        assert await executor.submit(answer_of_layer) == 42


def answer_of_layer():
    import of_a_layer  # noqa: PLC0415 - it is there only

    return of_a_layer.ANSWER


async def test_a_reply_that_never_comes(options, monkeypatch):
    """The server answers in time; so the client's patience is made shorter than the call."""
    monkeypatch.setattr("greenlithops.backends.compute.aws_lambda.backend.GRACE_SECONDS", -4.0)
    options |= {"namespace": "silent", "runtime_timeout": 5}
    async with soon(50), gl.AsyncExecutor("aws_lambda", backend_options=options) as executor:
        with pytest.raises(WorkerLost, match="not replied in time"):
            await executor.submit(nap, 3.0)
