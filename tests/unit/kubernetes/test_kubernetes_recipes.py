"""The Kustomize base and the Helm chart: strict validation takes what they make of themselves.

The few constructs of Helm's language that the chart has are carried out here, since Helm's own
code needs a newer Python than the oldest that we run with; tests on a cluster install it by that.
"""

import json
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from greenlithops.backends.compute.kubernetes import manifests, schema
from greenlithops.backends.compute.kubernetes.agent import Agent
from greenlithops.backends.compute.kubernetes.options import KubernetesOptions
from support.clouds.kubernetes import SCHEMA

DEPLOY = Path(__file__).parents[3] / "deploy"
POOL = DEPLOY / "kubernetes" / "pool"
CHART = DEPLOY / "helm" / "greenlithops"
KEY = "ab" * 32


def base():
    files = yaml.safe_load((POOL / "kustomization.yaml").read_text())["resources"]
    return [one for file in files for one in yaml.safe_load_all((POOL / file).read_text())]


def rendered(**more):
    """Return the chart's objects, with the few constructs of templates that it has."""
    values = yaml.safe_load((CHART / "values.yaml").read_text()) | {"key": KEY} | more
    found = []
    for file in sorted((CHART / "templates").glob("*.yaml")):
        text = condition(file.read_text(), values)
        text = re.sub(r"\{\{(-?) (.*?) \}\}", lambda match: filled(match[2], values), text)
        found += [one for one in yaml.safe_load_all(text) if one is not None]
    return found


def condition(text, values):
    match = re.fullmatch(
        r"\{\{- if (not )?\.Values\.keda\.enabled \}\}\n(.*)\{\{- end \}\}\n", text, re.DOTALL
    )
    if match is None:
        return text
    return match[2] if values["keda"]["enabled"] != bool(match[1]) else ""


def filled(expression, values):
    value = values
    for name in re.search(r"\.Values\.([\w.]+)", expression)[1].split("."):
        value = value[name]
    if "nindent" in expression:
        indent = " " * int(re.search(r"nindent (\d+)", expression)[1])
        lines = yaml.safe_dump(value).splitlines()
        return "\n" + "\n".join(indent + line for line in lines)
    if "printf" in expression:
        return re.search(r'printf "(.*?)"', expression)[1] % value
    return json.dumps(value) if "toJson" in expression else str(value)


def known(objects):
    return [one for one in objects if not one["apiVersion"].startswith("keda.sh")]


ALL = [
    *(pytest.param(one, id=f"base-{one['kind']}") for one in base()),
    *(pytest.param(one, id=f"chart-{one['kind']}") for one in known(rendered())),
]


@pytest.mark.parametrize("found", ALL)
@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
def test_strict_validation_of_current_versions_takes_them(found, version):
    kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("found", ALL)
def test_version_1_20_takes_them(found):
    assert schema.problems(json.loads(SCHEMA.read_text())["definitions"], found) == []


def pods():
    scaled = list(yaml.safe_load_all((POOL / "keda-scaledjob.yaml").read_text()))
    charts = rendered() + rendered(keda={"enabled": True, "maxReplicas": 7})
    for one in [*base(), *scaled, *charts]:
        if one["kind"] == "Deployment":
            yield one["spec"]["template"]
        elif one["kind"] == "ScaledJob":
            yield one["spec"]["jobTargetRef"]["template"]


def test_their_pods_are_like_those_that_programs_create():
    """The same restrictions, command, labels and environment, however they are installed."""
    own = manifests.deployment(KubernetesOptions(image="x"), "calls")["spec"]["template"]
    own_worker = own["spec"]["containers"][0]
    found = list(pods())
    assert len(found) == 4
    for template in found:
        (worker,) = template["spec"]["containers"]
        for name in (
            *("securityContext", "automountServiceAccountToken", "enableServiceLinks"),
            *("tolerations", "terminationGracePeriodSeconds"),
        ):
            assert template["spec"][name] == own["spec"][name]
        for name in ("securityContext", "command", "env", "terminationMessagePolicy"):
            assert worker[name] == own_worker[name]
        assert worker["args"][0] == own_worker["args"][0]
        assert template["metadata"]["labels"]["greenlithops.io/session"] == "calls"
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"],
             "spec": template["spec"]},
            "1.31", strict=True,
        )  # fmt: skip


def test_scaled_jobs_look_at_the_stream_of_the_pool():
    from greenlithops.backends.compute.kubernetes import exchange  # noqa: PLC0415 - needs redis

    file = yaml.safe_load((POOL / "keda-scaledjob.yaml").read_text())
    chart = next(
        one
        for one in rendered(keda={"enabled": True, "maxReplicas": 7})
        if one["kind"] == "ScaledJob"
    )
    for one in (file, chart):
        (trigger,) = one["spec"]["triggers"]
        assert trigger["metadata"]["stream"] == exchange.calls_key("calls")
        # A consumer group would have KEDA look at its lag, which a withdrawn call makes unknown.
        assert trigger["metadata"].keys() == {"address", "stream", "streamLength"}


def test_scaled_jobs_of_the_chart_know_the_password():
    redis = {"host": "redis", "port": 6379, "password": "staple"}
    found = rendered(redis=redis, keda={"enabled": True, "maxReplicas": 7})
    (job,) = (one for one in found if one["kind"] == "ScaledJob")
    (access,) = (one for one in found if one["kind"] == "TriggerAuthentication")
    (secret,) = (one for one in found if one["kind"] == "Secret")
    (trigger,) = job["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": access["metadata"]["name"]}
    (target,) = access["spec"]["secretTargetRef"]
    assert target["parameter"] == "password"
    assert secret["metadata"]["name"] == target["name"]
    assert secret["stringData"][target["key"]] == "staple"


@pytest.mark.parametrize("where", ["example", "chart"])
async def test_workers_understand_the_settings(where):
    if where == "example":
        settings = json.loads((POOL / "settings.example.json").read_text()) | {"key": KEY}
    else:
        found = next(one for one in rendered() if one["kind"] == "Secret")
        settings = json.loads(found["stringData"]["settings.json"])
    agent = Agent(settings)
    assert agent._calls == "gl:{calls}:calls"
    await agent._redis.aclose()


def test_rights_are_those_that_are_used():
    """What `Session` and `Api` ask for, and nothing else."""
    (role,) = [one for one in base() if one["kind"] == "Role"]
    rules = {
        (kind, verb)
        for rule in role["rules"]
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rules == {
        *((kind, "create") for kind in ("jobs", "deployments", "secrets")),
        *(("jobs", verb) for verb in ("patch", "delete", "list")),
        *(("deployments", verb) for verb in ("patch", "list", "watch")),
        ("secrets", "get"),
        *((kind, verb) for kind in ("pods", "events") for verb in ("list", "watch")),
    }
