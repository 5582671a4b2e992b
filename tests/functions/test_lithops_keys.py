"""Function services by Lithops' configuration: every key is honoured, needless, or refused."""

import asyncio
from dataclasses import fields

import pytest

import greenlithops as gl
from greenlithops.backends.compute.aliyun_fc.options import FunctionComputeOptions
from greenlithops.backends.compute.code_engine.options import CodeEngineOptions
from greenlithops.backends.compute.knative.options import KnativeOptions
from greenlithops.backends.compute.openwhisk.options import OpenWhiskOptions
from greenlithops.backends.compute.oracle_f.options import OracleOptions
from greenlithops.backends.compute.services import PYTHON
from greenlithops.config.keys import Fate
from greenlithops.config.known import SECTIONS
from greenlithops.config.merging import merged
from greenlithops.config.settings import OWN_KEYS, typed
from greenlithops.errors import ConfigurationError
from greenlithops.registry import COMPUTE, compute_backend
from support.clouds.aliyun import FunctionCompute
from support.clouds.knative import Cluster, service_schema
from support.clouds.openwhisk import OpenWhisk

_ALIYUN = {
    "account_id": "1",
    "access_key_id": "key-id",
    "access_key_secret": "s",
    "region": "eu-central-1",
}
_ORACLE = {
    "compartment_id": "c",
    "tenancy": "t",
    "user": "u",
    "fingerprint": "f",
    "region": "r",
    "key_file": "~/none",
}
KINDS = {
    "aliyun_fc": (FunctionComputeOptions, _ALIYUN | {"code_runtime": f"python{PYTHON}"}),
    "code_engine": (
        CodeEngineOptions,
        {"runtime": "i", "region": "r", "iam_api_key": "k", "project_id": "p"},
    ),
    "knative": (KnativeOptions, {"runtime": "i"}),
    "openwhisk": (
        OpenWhiskOptions,
        {"endpoint": "https://w", "namespace": "_", "api_key": "a:b"},
    ),
    "oracle_f": (OracleOptions, _ORACLE | {"runtime": "i"}),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_key_of_a_section_is_an_option_or_says_why_not(name):
    kind, given = KINDS[name]
    options = {one.name for one in fields(kind)}
    section = SECTIONS[name].keys
    assert options <= section.keys() | {"concurrency"}
    for key in section.values():
        if key.fate is Fate.HONOURED and key.name not in OWN_KEYS:
            try:
                kind.of({**given, key.name: given.get(key.name)})  # None is taken as not given
            except ConfigurationError as error:
                assert "has no option" not in str(error), key.name  # noqa: PT017
    assert name in COMPUTE


@pytest.mark.parametrize("name", KINDS)
def test_backends_are_made_of_lithops_configuration(name):
    _, given = KINDS[name]
    config = {
        "lithops": {"backend": name},
        name: {**given, "max_workers": 7, "invoke_pool_threads": 3, "remote_invoker": False},
    }
    settings = typed(*merged(config=config))
    assert settings.options["max_workers"] == 7
    backend = asyncio.run(compute_backend(name, settings.options["backend_options"]))
    assert backend.limits.concurrency == 7
    with pytest.raises(ConfigurationError, match="did you mean"):
        merged(config={"lithops": {"backend": name}, name: {**given, "runtime_memroy": 1}})


def test_what_knative_cannot_do_is_refused_by_name():
    config = {
        "lithops": {"backend": "knative"},
        "knative": {"runtime": "i", "git_url": "https://g"},
    }
    with pytest.raises(ConfigurationError, match="git_url is not possible here"):
        merged(config=config)


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(kind, *args):
        servers.append(kind(tmp_path, *args))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def square(x):
    return x * x


def squares(config):
    with gl.FunctionExecutor(config=config) as fexec:
        futures = fexec.map(square, range(6))
        return fexec.get_result(futures)


def test_a_program_of_lithops_in_a_stand_in_for_openwhisk(serve):
    whisk = serve(OpenWhisk)
    section = {"endpoint": whisk.url, "namespace": "guest", "api_key": "me:secret"}
    config = {
        "lithops": {"backend": "openwhisk", "storage": "memory"},
        "openwhisk": section | {"insecure": True},
    }
    assert squares(config) == [0, 1, 4, 9, 16, 25]


def test_a_program_of_lithops_in_a_stand_in_for_knative(serve, sdk):
    cluster = serve(Cluster, service_schema(sdk))
    section = {
        "kubecfg_path": str(cluster.configuration),
        "kubecfg_context": "here",
        "runtime": "me/calls",
        "ingress_endpoint": cluster.url,
        "max_workers": 3,
    }
    config = {"lithops": {"backend": "knative", "storage": "memory"}, "knative": section}
    assert squares(config) == [0, 1, 4, 9, 16, 25]
    (found,) = cluster.services.values()
    annotations = found["spec"]["template"]["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/max-scale"] == "3"


def test_a_program_of_lithops_in_a_stand_in_for_function_compute(serve):
    cloud = serve(FunctionCompute)
    section = {"public_endpoint": cloud.url, "code_runtime": f"python{PYTHON}", "runtime": "calls"}
    config = {
        "lithops": {"backend": "aliyun_fc", "storage": "memory"},
        "aliyun": _ALIYUN,
        "aliyun_fc": section,
    }
    assert squares(config) == [0, 1, 4, 9, 16, 25]
    assert list(cloud.functions) == ["calls"]
