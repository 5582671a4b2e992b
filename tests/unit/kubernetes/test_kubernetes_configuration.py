"""Options of pods under our names and Lithops', and its section k8s in a configuration."""

import pytest

from greenlithops.backends.compute.kubernetes.backend import kubernetes
from greenlithops.backends.compute.kubernetes.options import KubernetesOptions, with_template
from greenlithops.backends.compute.kubernetes.pods import template, worker_of
from greenlithops.backends.compute.kubernetes.values import amount
from greenlithops.errors import ConfigurationError
from greenlithops.sync.config import settings

K8S = {
    "runtime": "me/calls:1",
    "runtime_memory": 256,
    "runtime_cpu": 0.5,
    "runtime_timeout": 60,
    "max_workers": 7,
    "worker_processes": 2,
    "master_timeout": 600,
    "kubecfg_path": "/k",
    "rabbitmq_executor": False,
}
REDIS = {"host": "redis", "port": 6379, "password": "battery-staple"}


def made(**more):
    config = {"lithops": {"backend": "k8s"}, "redis": REDIS, "k8s": K8S | more}
    return settings(None, config, None, None, None, None, {"max_workers": 3})


def test_it_becomes_a_backend_with_the_redis_of_the_configuration():
    found = made()
    assert found.mode == "serverless"
    assert "max_workers" not in found.options, "pods are counted, not invocations"
    backend = kubernetes(**found.options["backend_options"])
    options = backend.options
    assert (options.image, options.memory, options.cpu) == ("me/calls:1", 256, 0.5)
    assert (options.max_workers, options.worker_processes) == (3, 2)
    assert backend.limits.concurrency == 12
    assert options.redis == REDIS
    assert "battery-staple" not in repr(options)


def test_what_would_be_lost_is_refused():
    with pytest.raises(ConfigurationError, match="warm pods take calls from Redis"):
        made(rabbitmq_executor=True)
    with pytest.raises(ConfigurationError, match="warm pods take calls from Redis"):
        made(amqp_url="amqp://x")
    with pytest.raises(ConfigurationError, match="unknown key 'runtime_memry'"):
        made(runtime_memry=1)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "'image' is missing"),
        ({"imag": "x"}, "did you mean 'image'"),
        ({"image": "x", "rabbitmq_executor": True}, "warm pods take calls from Redis"),
        ({"image": "x", "amqp_url": "amqp://x"}, "Redis, not RabbitMQ"),
        ({"image": "x", "memory": "lots"}, "memory is a number or a quantity"),
        ({"image": "x", "cpu": 0}, "cpu is a number or a quantity"),
        ({"image": "x", "min_workers": 3, "max_workers": 2}, "min_workers, 3, is more"),
        ({"image": "x", "mode": "batch"}, "mode is one of 'pool', 'jobs'"),
        ({"image": "x", "namespace": "My_Space"}, "namespace has small letters"),
        ({"image": "x", "env": 3}, "env is a mapping"),
        ({"image": "x", "lease_seconds": 0}, "lease_seconds is a number of at least 1"),
        ({"image": "x", "lease_seconds": float("nan")}, "lease_seconds is a number of at least 1"),
        ({"image": "x", "idle_seconds": float("inf")}, "idle_seconds is a number of at least 0"),
        ({"image": "x", "max_workers": 2.5}, "max_workers is a whole number of at least 1"),
        ({"image": "x", "gpu": True}, "gpu is a whole number of at least 0"),
        ({"image": "x", "namespace": 5}, "namespace has small letters"),
        ({"image": "x", "node_selector": ["ssd"]}, "node_selector is a mapping"),
        ({"image": "x", "affinity": "near"}, "affinity is a mapping"),
        ({"image": "x", "labels": ["team"]}, "labels is a mapping"),
        ({"image": "x", "tolerations": {"key": "a"}}, "tolerations is a list of mappings"),
        ({"image": "x", "volumes": ["data"]}, "volumes is a list of mappings"),
        ({"image": "x", "image_pull_secrets": "pull"}, "image_pull_secrets is a list of names"),
        ({"image": "x", "kubeconfig": 5}, "kubeconfig is the path of a file"),
        ({"image": "x", "docker_user": "me"}, "docker_user without docker_server, docker_password"),
    ],
)
def test_impossible_options_are_refused_by_name(given, problem):
    with pytest.raises(ConfigurationError, match=problem):
        KubernetesOptions.of(given)


def test_lithops_keys_are_ours():
    found = KubernetesOptions.of(
        {
            "runtime": "me/image:1",
            "runtime_memory": 256,
            "runtime_cpu": 0.25,
            "runtime_arch": "arm64",
            "kubecfg_path": "/k",
            "kubecfg_context": "c",
            "rabbitmq_executor": False,
            "master_timeout": 600,
        }
    )
    assert (found.image, found.memory, found.cpu) == ("me/image:1", 256, 0.25)
    assert (found.architecture, found.kubeconfig, found.context) == ("arm64", "/k", "c")


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("2", 2), ("1Ki", 1024), ("1.5Gi", 1.5 * 2**30), ("1e3", 1000), ("2M", 2e6)],
)
def test_quantities(text, value):
    assert amount(text) == value


def test_files_are_named_by_paths_too(tmp_path):
    place = tmp_path / "pod.yaml"
    place.write_text("spec:\n  containers: []\n  runtimeClassName: gvisor\n")
    found = with_template(KubernetesOptions.of({"image": "x", "pod_template": place}))
    assert template(found, "abc", "pool")["spec"]["runtimeClassName"] == "gvisor"
    assert KubernetesOptions.of({"image": "x", "kubeconfig": place}).kubeconfig == place


def test_a_variable_without_a_value_is_empty():
    found = KubernetesOptions.of({"image": "x", "env": {"DEBUG": None, "LEVEL": 2}})
    variables = worker_of(template(found, "abc", "pool")["spec"])["env"]
    assert {"name": "DEBUG", "value": ""} in variables
    assert {"name": "LEVEL", "value": "2"} in variables
