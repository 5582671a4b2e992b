"""What `deploy/` has for those who install pools, on a real cluster."""

import asyncio
import json
import os
from pathlib import Path

import pytest
import yaml

import greenlithops as gl
from greenlithops.errors import OutOfMemory

IMAGE = os.environ.get("GREENLITHOPS_TEST_IMAGE", "localhost/greenlithops:test")
RECIPES = Path(__file__).parents[2] / "deploy" / "kubernetes" / "pool"


def greedy(megabytes):
    return len(bytearray(megabytes << 20))


def recipe(name):
    return list(yaml.safe_load_all((RECIPES / name).read_text()))


async def test_the_rights_of_the_recipe_are_enough(options, kube, tmp_path):
    role, binding = (one for one in recipe("clients.yaml") if one["kind"].startswith("Role"))
    binding["subjects"] = [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "user"}
    ]
    place = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{kube.namespace}"
    await kube.api.request("POST", f"{place}/roles", role)
    await kube.api.request("POST", f"{place}/rolebindings", binding)
    file = tmp_path / "config"
    text = await asyncio.to_thread(Path(os.environ["KUBECONFIG"]).read_text)
    file.write_text(text.replace("admintoken", "usertoken"))
    options |= {"kubeconfig": str(file), "idle_seconds": 1}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert await executor.submit(abs, -1) == 1
        with pytest.raises(OutOfMemory):
            await executor.submit(greedy, 1000)
    options["mode"] = "jobs"
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert await executor.submit(abs, -2) == 2


async def test_a_pool_that_is_installed_is_used_and_left(kube, redis):
    settings = json.loads((RECIPES / "settings.example.json").read_text())
    settings |= {"key": "ab" * 32, "redis": {"url": redis.url}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "calls"},
        "stringData": {"settings.json": json.dumps(settings)},
    }
    (deployment,) = recipe("pool.yaml")
    worker = deployment["spec"]["template"]["spec"]["containers"][0]
    worker |= {"image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    worker["resources"] = {"requests": {"cpu": "50m"}, "limits": {"memory": "160Mi"}}
    await kube.api.create(secret)
    await kube.api.create(deployment)
    options = {"pool": "calls", "namespace": kube.namespace}
    for _ in range(2):
        async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
            assert await executor.map(abs, range(-3, 0)) == [3, 2, 1]
    await kube.api.delete("Deployment", deployment["metadata"]["name"])
