"""What of the Lambda backend needs no Lambda: options, names, errors, reports, signatures."""

import base64
import io
import json
import zipfile

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from greenlithops.backends.compute import package as packages
from greenlithops.backends.compute.aws_lambda.deployment import configuration, function_name
from greenlithops.backends.compute.aws_lambda.failures import failure, refusal
from greenlithops.backends.compute.aws_lambda.image import BASE, RECIPE
from greenlithops.backends.compute.aws_lambda.options import LambdaOptions
from greenlithops.backends.compute.aws_lambda.report import log_tail, report
from greenlithops.backends.compute.package import of_image, package
from greenlithops.backends.storage.s3.sigv4 import Credentials, Signer, Target
from greenlithops.errors import (
    CallTimeout,
    ConfigurationError,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
    WorkerLost,
)

ROLE = "arn:aws:iam::123456789012:role/calls"
TAIL = (
    "START RequestId: 1 Version: $LATEST\nEND RequestId: 1\n"
    "REPORT RequestId: 1\tDuration: 12.34 ms\tBilled Duration: 113 ms\tMemory Size: 256 MB\t"
    "Max Memory Used: 41 MB\tInit Duration: 100.51 ms\t\n"
)


def test_a_report_of_a_cold_start():
    said = report(log_tail(base64.b64encode(TAIL.encode()).decode()))
    assert said.seconds == pytest.approx(0.01234)
    assert said.billed_seconds == 0.113
    assert (said.memory_mb, said.used_mb) == (256, 41)
    assert said.init_seconds == pytest.approx(0.10051)


def test_a_warm_report_and_none():
    assert report(TAIL.partition("\tInit")[0]).init_seconds is None
    assert report("START RequestId: 1\n") is None
    assert report(log_tail(None)) is None
    assert log_tail("a") == ""


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (429, "TooManyRequestsException", Throttled),
        (413, "RequestTooLargeException", PayloadTooLarge),
        (502, "EC2ThrottledException", ServiceUnavailable),
        (409, "ResourceConflictException:http://aws/", ServiceUnavailable),
        (503, "", ServiceUnavailable),
        (500, "ServiceException", WorkerLost),
        (404, "ResourceNotFoundException", ServiceRefused),
        (403, "AccessDeniedException", ServiceRefused),
    ],
)
def test_statuses(status, kind, error):
    headers = {"X-Amzn-ErrorType": kind}
    found = refusal(status, headers, '{"Message": "the reason"}', "f")
    assert type(found) is error
    assert "the reason" in str(found)
    assert type(refusal(status, {}, json.dumps({"__type": f"aws#{kind}"}), "f")) is error


def test_when_to_come_back():
    assert refusal(429, {"Retry-After": "3"}, "{}", "f").retry_after == 3.0


def failed(kind, message, tail=""):
    return failure(json.dumps({"errorType": kind, "errorMessage": message}).encode(), tail)


def test_errors_of_functions():
    late = failed("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 3.00 seconds")
    assert isinstance(late, CallTimeout)
    assert isinstance(
        failure(b'{"errorMessage":"x Task timed out after 1.00 seconds"}', ""), CallTimeout
    )
    gone = failed(
        "Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: exit status 7"
    )
    assert (type(gone), gone.exit_code, gone.signal) == (WorkerLost, 7, None)
    killed = "RequestId: 1 Error: Runtime exited with error: signal: killed"
    assert type(failed("Runtime.ExitError", killed)) is WorkerLost
    full = TAIL.replace("Used: 41", "Used: 256")
    assert type(failed("Runtime.ExitError", killed, full)) is OutOfMemory
    assert type(failed("Runtime.OutOfMemory", killed)) is OutOfMemory
    assert type(failed("Runtime.ImportModuleError", "no module")) is ServiceRefused
    assert type(failed("Function.ResponseSizeTooLarge", "too large")) is PayloadTooLarge
    assert type(failure(b"no JSON", "")) is WorkerLost


def test_options_under_lithops_names():
    found = LambdaOptions.of(
        {
            "execution_role": ROLE,
            "region_name": "eu-west-1",
            "config_profile": "mine",
            "max_workers": 10,
            "env_vars": [{"name": "A", "value": 1}],
            "user_tags": {"team": "green"},
        }
    )
    assert (found.region, found.profile) == ("eu-west-1", "mine")
    assert found.environment() == {"A": "1"}
    assert found.tags() == {"team": "green"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"region": "eu-west-1"}, "execution_role"),
        ({"execution_role": "me"}, "ARN of a role"),
        ({"execution_role": ROLE, "runtime_memroy": 1}, "runtime_memory"),
        ({"execution_role": ROLE, "runtime_memory": 64}, "from 128 to 10240 MB"),
        ({"execution_role": ROLE, "runtime_timeout": 901}, "from 1 to 900 seconds"),
        ({"execution_role": ROLE, "architecture": "sparc"}, "sparc"),
        ({"execution_role": ROLE, "namespace": "a b"}, "letters"),
        ({"execution_role": ROLE, "efs": [{"mount_path": "/mnt/x"}]}, "access_point"),
        ({"execution_role": ROLE, "env_vars": [1]}, "env_vars"),
    ],
)
def test_options_that_cannot_be(given, text):
    with pytest.raises(ConfigurationError, match=text):
        LambdaOptions.of(given)


def test_another_code_has_another_name():
    options, other = LambdaOptions(execution_role=ROLE), ("tabulate==0.9.0",)
    names = {
        function_name(options, package()),
        function_name(options, package(other)),
        function_name(LambdaOptions(execution_role=ROLE, layers=["arn:1"]), package()),
        function_name(LambdaOptions(execution_role=ROLE, runtime_memory=512), package()),
        function_name(LambdaOptions(execution_role=ROLE, namespace="n"), package()),
    }
    assert len(names) == 5
    assert function_name(options, package()) in names
    assert all(len(name) <= 64 for name in names)


def test_the_configuration_has_what_was_asked_for():
    options = LambdaOptions(
        execution_role=ROLE,
        vpc={"subnets": ["s"], "security_groups": ["g"]},
        efs=[{"access_point": "arn:ap", "mount_path": "/mnt/x"}],
        layers=["arn:layer:1"],
        ephemeral_storage=1024,
    )
    found = configuration(options, package(), "key")
    assert found["VpcConfig"] == {"SubnetIds": ["s"], "SecurityGroupIds": ["g"]}
    assert found["FileSystemConfigs"] == [{"Arn": "arn:ap", "LocalMountPath": "/mnt/x"}]
    assert found["Layers"] == ["arn:layer:1"]
    assert found["EphemeralStorage"] == {"Size": 1024}
    assert found["Environment"]["Variables"]["GREENLITHOPS_KEY"] == "key"


def test_a_package_is_built_once(monkeypatch):
    first = package().archive()
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert "greenlithops/worker/lambda_handler.py" in names
    assert any(name.endswith(".pyc") and "lambda_handler" in name for name in names)
    assert not any(name.startswith("greenlithops/cli/") for name in names)
    assert len(first) < 2 << 20
    monkeypatch.setattr(packages, "_build", None)  # would fail if it were called
    assert package().archive() == first


def test_signatures_are_those_of_botocore():
    path = "/2015-03-31/functions/greenlithops-py311/invocations"
    signed = Signer(Credentials("AK", "secret", "token"), "eu-west-1", "lambda").sign(
        Target("POST", "lambda.eu-west-1.amazonaws.com", path),
        {"content-type": "application/json", "x-amz-log-type": "Tail"},
        "ab" * 32,
        now=1_700_000_000,
    )
    request = AWSRequest(
        "POST",
        f"https://lambda.eu-west-1.amazonaws.com{path}",
        headers={
            "content-type": "application/json",
            "x-amz-log-type": "Tail",
            "x-amz-content-sha256": "ab" * 32,
            "X-Amz-Security-Token": "token",
        },
    )
    signer = SigV4Auth(BotoCredentials("AK", "secret", "token"), "lambda", "eu-west-1")
    request.context["timestamp"] = signed["x-amz-date"]
    request.headers["X-Amz-Date"] = signed["x-amz-date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert signed["authorization"].endswith(f"Signature={signer.signature(text, request)}")


def test_a_function_of_an_image():
    options = LambdaOptions(execution_role=ROLE, image="1.dkr.ecr.eu-west-1.amazonaws.com/calls:1")
    code = of_image(options.image, "x86_64")
    wanted = configuration(options, code, "key")
    assert not {"Runtime", "Handler", "Layers"} & set(wanted)
    assert wanted["ImageConfig"] == {"Command": ["greenlithops.worker.lambda_handler.handler"]}
    other = of_image(f"{options.image}-2", "x86_64")
    assert function_name(options, code) != function_name(options, other)
    with pytest.raises(ConfigurationError, match="image"):
        LambdaOptions(execution_role=ROLE, image="x", layers=["arn:y"])


def test_the_recipe_of_an_image(tmp_path):
    assert "ENTRYPOINT" not in RECIPE.containerfile(BASE)
    RECIPE.write(tmp_path, base="python:slim")
    recipe = (tmp_path / "Containerfile").read_text()
    assert recipe.index("FROM python:slim") < recipe.index("ENTRYPOINT") < recipe.index("CMD")
    assert (tmp_path / "app" / "awslambdaric").is_dir()
    assert (tmp_path / "app" / "greenlithops" / "worker" / "lambda_handler.py").is_file()
