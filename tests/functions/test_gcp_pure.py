"""What of Google's backends needs no Google: options, names, endpoints, and the checks of tests."""

import io
import tarfile
import zipfile

import pytest

from greenlithops.backends.compute.gcp_cloudrun.deployment import service
from greenlithops.backends.compute.gcp_cloudrun.image import bucket_name, tarred
from greenlithops.backends.compute.gcp_cloudrun.options import CloudRunOptions
from greenlithops.backends.compute.gcp_functions.deployment import (
    function,
    function_name,
    service_name,
)
from greenlithops.backends.compute.gcp_functions.options import VCPUS, FunctionsOptions
from greenlithops.backends.compute.google import Google, memory_mb
from greenlithops.errors import ConfigurationError
from greenlithops.sync.config import settings
from support.clouds.discovery import Wrong
from support.clouds.google import REGION, api


def google(project="p", region=REGION):
    return Google(
        "x", region, project=project, credentials=None, service_account=None, endpoint=None
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "'region' is missing"),
        ({"runtime_memory": 300}, "one of 128, 256, 512"),
        ({"runtime_timeout": 3601}, "from 1 to 3600 seconds"),
        ({"runtime": "My_Function"}, "lower-case"),
        ({"runtime_memroy": 256}, "did you mean 'runtime_memory'"),
        ({"env_vars": [1]}, "env_vars"),
    ],
)
def test_options_of_functions_that_cannot_be(given, text):
    region = {"region": REGION} if given else {}
    with pytest.raises(ConfigurationError, match=text):
        FunctionsOptions.of({**region, **given})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"runtime_cpu": 3}, "one of 2, 4, 6 and 8"),
        ({"runtime_cpu": 0.01}, r"from 0\.08 to 1"),
        ({"runtime_memory": 1024}, r"with 0\.25 CPU, runtime_memory is from 128 to 512 MB"),
        ({"runtime_memory": 64}, "from 128 to 512 MB"),
        ({"runtime_memory": 2048, "runtime_cpu": 0.5}, "from 128 to 1024 MB"),
        ({"runtime_memory": 512, "runtime_cpu": 4}, "from 2048 to 16384 MB"),
        ({"namespace": "a b"}, "lower-case"),
        ({"namespace": "a" * 40}, "too long"),
    ],
)
def test_options_of_services_that_cannot_be(given, text):
    with pytest.raises(ConfigurationError, match=text):
        named({"region": REGION, **given})


def named(given):
    options = CloudRunOptions.of(given)
    return service_name("gcp_cloudrun", options.namespace, options.runtime_memory, "0123456789")


def test_keys_of_lithops_that_are_not_needed():
    given = {"trigger": "pub/sub", "retries": 5, "retry_sleep": 10, "invoke_pool_threads": 100}
    found = FunctionsOptions.of({"region": REGION, **given})
    assert found == FunctionsOptions(region=REGION)
    docker = {"docker_server": "pkg.dev", "docker_user": "me", "trigger": "https"}
    assert CloudRunOptions.of({"region": REGION, **docker}) == CloudRunOptions(region=REGION)


def test_another_code_has_another_name():
    options = FunctionsOptions(region=REGION)
    others = (
        FunctionsOptions(region=REGION, namespace="n"),
        FunctionsOptions(region=REGION, runtime_memory=512),
    )
    names = {function_name(one, "0123456789") for one in (options, *others)}
    names.add(function_name(options, "9876543210"))
    assert len(names) == 4
    assert all(len(name) <= 49 for name in names)


def test_endpoints_are_those_that_google_lists():
    url = google().url("run", "v2/x")
    listed = {one["endpointUrl"] for one in api("run").document["endpoints"]}
    assert url.removesuffix("v2/x") in listed
    for name in ("cloudfunctions", "cloudbuild", "artifactregistry", "storage", "logging"):
        assert google().url(name, "") == api(name).document["rootUrl"]


@pytest.mark.parametrize("memory", sorted(VCPUS))
def test_functions_of_every_size_are_as_google_takes_them(memory):
    options = FunctionsOptions(region=REGION, runtime_memory=memory, service_account="a@b")
    content = function(options, "0123456789", "key")
    name = "cloudfunctions.projects.locations.functions.create"
    api("cloudfunctions").check(name, {"functionId": "f"}, content)
    assert memory_mb(content["serviceConfig"]["availableMemory"]) == memory


def test_the_check_of_requests_refuses_what_google_would():
    run, name = api("run"), "run.projects.locations.services.create"
    content = service(CloudRunOptions(region=REGION), "image:1", "key")
    run.check(name, {"serviceId": "s"}, content)
    for wrong in (
        {"colour": "red"},
        {"uri": "only Google says that"},
        {"ingress": "SOMEWHERE"},
        {"labels": {"a": 1}},
        {"template": {"timeout": "an hour"}},
    ):
        with pytest.raises(Wrong):
            run.check(name, {"serviceId": "s"}, content | wrong)
    for query in ({"serviceid": "s"}, {"parent": "p"}):
        with pytest.raises(Wrong, match="no parameter"):
            run.check(name, query, content)
    with pytest.raises(Wrong, match="no method"):
        run.find("POST", "v2/projects/p/services")
    with pytest.raises(Wrong, match="takes no body"):
        run.check("run.projects.locations.services.get", {}, {})


def test_quantities():
    assert memory_mb("256Mi") == 256
    assert memory_mb("1Gi") == 1024
    assert memory_mb("256M") == pytest.approx(244.14, abs=0.01)
    assert memory_mb("plenty") is None
    assert memory_mb(None) is None


def test_names_of_buckets():
    assert bucket_name(google("a-project")) == f"greenlithops-a-project-{REGION}"
    assert bucket_name(google("example.com:p")) == f"greenlithops-example-com-p-{REGION}"
    assert len(bucket_name(google("p" * 30, "northamerica-northeast1-x"))) <= 63


def test_a_zip_as_a_tar():
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w") as zipped:
        zipped.writestr("b/c.txt", "content")
        zipped.writestr("a.txt", "")
    made = tarred(room.getvalue())
    assert made == tarred(room.getvalue())
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        assert tar.getnames() == ["a.txt", "b/c.txt"]
        assert tar.extractfile("b/c.txt").read() == b"content"


def configured(content):
    return settings(None, content, None, None, None, None, {})


def test_the_configuration_of_lithops_becomes_options():
    content = {
        "lithops": {"backend": "gcp_cloudrun", "retries": 2},
        "gcp": {"region": REGION, "credentials_path": "/a.json"},
        "gcp_cloudrun": {"runtime_cpu": 1, "max_workers": 7, "runtime_memory": 512},
    }
    found = configured(content)
    assert dict(found.options) == {
        "max_workers": 7,
        "retries": 2,
        "backend_options": {
            "region": REGION,
            "credentials_path": "/a.json",
            "max_workers": 7,
            "runtime_cpu": 1,
            "runtime_memory": 512,
        },
    }
    CloudRunOptions.of(found.options["backend_options"])


def test_attempts_to_invoke_are_not_attempts_to_call():
    content = {
        "lithops": {"backend": "gcp_functions"},
        "gcp_functions": {"region": REGION, "retries": 5, "retry_sleep": 10, "trigger": "pub/sub"},
    }
    assert dict(configured(content).options) == {"backend_options": {"region": REGION}}
    content["gcp_functions"]["colour"] = "red"
    with pytest.raises(ConfigurationError, match="unknown key 'colour'"):
        configured(content)
