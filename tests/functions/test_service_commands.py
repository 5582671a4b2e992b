"""What ``greenlithops runtime`` does with function services, of which stand-ins are asked."""

import json

import pytest

from greenlithops.backends.compute.services import PYTHON
from greenlithops.cli import services
from greenlithops.config.merging import merged
from greenlithops.config.settings import typed
from support.clouds.aliyun import FunctionCompute
from support.clouds.code_engine import CodeEngine
from support.clouds.knative import Cluster, service_schema
from support.clouds.openwhisk import OpenWhisk
from support.clouds.oracle import COMPARTMENT, KEY, Oracle


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(kind, *args):
        servers.append(kind(tmp_path, *args))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def knative(serve, request):
    cluster = serve(Cluster, service_schema(request.getfixturevalue("sdk")))
    return {
        "kubecfg_path": str(cluster.configuration),
        "runtime": "me/calls",
        "ingress_endpoint": cluster.url,
    }


def openwhisk(serve, _):
    return {"endpoint": serve(OpenWhisk).url, "namespace": "guest", "api_key": "me:secret"}


def code_engine(serve, _):
    engine = serve(CodeEngine)
    return {
        "runtime": "me/calls",
        "region": "eu-de",
        "iam_api_key": "the api key",
        "project_name": "new",
        "endpoint": f"{engine.url}/v2",
        "iam_endpoint": engine.url,
    }


def oracle_f(serve, request):
    cloud = serve(Oracle, request.getfixturevalue("sdk"), request.getfixturevalue("code"))
    return {
        "runtime": "me/calls",
        "compartment_id": COMPARTMENT,
        "tenancy": "tenancy",
        "user": "user",
        "fingerprint": "aa:bb",
        "region": "eu-frankfurt-1",
        "key_content": KEY,
        "subnet_id": "ocid1.subnet.oc1..a",
        "endpoint": cloud.url,
        "logging_endpoint": cloud.url,
    }


def aliyun_fc(serve, _):
    return {
        "account_id": "1",
        "access_key_id": "key-id",
        "access_key_secret": "the secret",
        "region": "eu-central-1",
        "endpoint": serve(FunctionCompute).url,
        "code_runtime": f"python{PYTHON}",
    }


@pytest.mark.parametrize(
    "section", [knative, openwhisk, oracle_f, aliyun_fc], ids=lambda one: one.__name__
)
def test_a_runtime_from_its_deployment_to_its_end(section, serve, request, capsys):
    name = section.__name__
    config = {"lithops": {"backend": name}, name: section(serve, request)}
    settings = typed(*merged(config=config))

    def said():
        return json.loads(capsys.readouterr().out)

    # There is nothing yet: no application, no package, no function.
    assert services.show(settings, "all", as_json=True)
    assert said() == []
    assert services.delete(settings, "all", as_json=True)
    assert said() == {"deleted": []}
    assert services.deploy(settings, "default", as_json=True, memory=512)
    (made,) = said()
    assert made["Memory Size"] == 512
    assert services.show(settings, "all", as_json=True)
    assert said() == [made]
    assert services.delete(settings, made["Worker Name"], as_json=True)
    assert said() == {"deleted": [made["Worker Name"]]}
    assert services.show(settings, "all", as_json=True)
    assert said() == []


def test_a_project_that_is_not_there_yet(serve, request, capsys):
    section = code_engine(serve, request)
    config = {"lithops": {"backend": "code_engine"}, "code_engine": section}
    settings = typed(*merged(config=config))
    assert services.show(settings, "all", as_json=True)
    assert services.delete(settings, "all", as_json=True)
    assert capsys.readouterr().out.split() == ["[]", "{", '"deleted":', "[]", "}"]
