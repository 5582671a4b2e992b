"""What a backend refuses or is refused, over a real Valkey and a stand-in for the API server."""

import pytest

import greenlithops as gl
from greenlithops.backends.compute.kubernetes.backend import kubernetes
from greenlithops.errors import ConfigurationError, ServiceRefused, ServiceUnavailable
from support.clock import soon


@pytest.mark.parametrize("why", ["ErrImagePull", "InvalidImageName", "CreateContainerConfigError"])
async def test_pods_that_do_not_start(options, cluster, why):
    cluster.images[options["image"]] = why
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(ServiceRefused, match=why):
            await executor.submit(abs, -1)


async def test_pods_that_do_not_reach_redis(options, valkey_with_password):
    options["worker_redis"] = valkey_with_password.endpoint  # without its password
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        with pytest.raises(ServiceRefused, match=r"ended with 1 .*again and again"):
            await executor.submit(abs, -1)


async def test_pods_that_are_not_made(executor, cluster):
    cluster.refusal = "pods is forbidden: exceeded quota: none"
    with pytest.raises(ServiceRefused, match="exceeded quota"):
        await executor.submit(abs, -1)


async def test_what_the_server_does_not_know_is_refused_before_anything_is_sent(options, cluster):
    options["pod_template"] = {"spec": {"containers": [], "nodeSelektor": {"a": "b"}}}
    with pytest.raises(ConfigurationError, match="did you mean 'nodeSelector'"):
        async with kubernetes(**options):
            pass
    assert not cluster.objects


@pytest.mark.parametrize("user", ["", ":wrong@"], ids=["none", "wrong"])
async def test_a_wrong_password_is_not_taken_for_an_outage(options, valkey_with_password, user):
    options["redis"] = valkey_with_password.endpoint.replace("redis://", f"redis://{user}")
    with pytest.raises(ServiceRefused, match="Redis refuses"):
        async with kubernetes(**options):
            pass


async def test_no_redis_no_cluster(options, cluster):
    with pytest.raises(ServiceUnavailable, match="Redis is not reached"):
        async with kubernetes(**options | {"redis": "redis://127.0.0.1:9"}):
            pass
    with pytest.raises(ConfigurationError, match="kubeconfig"):
        async with kubernetes(**options | {"kubeconfig": "/no/such/file"}):
            pass
    with pytest.raises(ConfigurationError, match="redis"):
        kubernetes(image="x")
