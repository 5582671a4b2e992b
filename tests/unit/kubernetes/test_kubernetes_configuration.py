"""Lithops' section k8s, as FunctionExecutor reads it."""

import pytest

from greenlithops.backends.compute.kubernetes.backend import kubernetes
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
