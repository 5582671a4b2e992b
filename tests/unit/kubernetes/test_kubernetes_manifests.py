"""What is created in a cluster: held against the schemas of 1.20 and of current versions."""

import base64
import json
import re

import kubernetes_validate
import pytest

from greenlithops.backends.compute.kubernetes import manifests, schema
from greenlithops.backends.compute.kubernetes.merge import merged
from greenlithops.backends.compute.kubernetes.nodes import placed, size_of
from greenlithops.backends.compute.kubernetes.options import KubernetesOptions
from greenlithops.backends.compute.kubernetes.pods import Errand, template, worker_of
from greenlithops.backends.compute.kubernetes.values import amount
from support.clouds.kubernetes import SCHEMA

EVERYTHING = {
    "image": "registry.example.com/me/calls:1",
    "redis": "redis://10.0.0.1",
    "cpu": 0.5,
    "cpu_limit": "2",
    "memory": 1024,
    "memory_limit": "2Gi",
    "gpu": 1,
    "node_selector": {"pool": "calls"},
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]
            }
        }
    },
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "priority_class": "low",
    "service_account": "calls",
    "image_pull_secrets": ["pull"],
    "image_pull_policy": "Always",
    "docker_server": "registry.example.com",
    "docker_user": "me",
    "docker_password": "horse",
    "pod_security_context": {"fsGroup": 1000},
    "container_security_context": {"runAsUser": 1000},
    "architecture": "arm64",
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    "volume_mounts": [{"name": "data", "mountPath": "/data"}],
    "env": {"COLOUR": "green"},
    "labels": {"team": "green"},
    "annotations": {"note": "x"},
    "node_energy": True,
    "min_workers": 1,
    "pod_template": {
        "metadata": {"labels": {"cost": "7"}},
        "spec": {
            "hostAliases": [{"ip": "10.0.0.2", "hostnames": ["a"]}],
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {"name": "side", "image": "side:1"},
                {"name": "worker", "workingDir": "/data", "resources": {"limits": {"x/y": "1"}}},
            ],
        },
    },
}
PLAIN = {"image": "calls:1", "redis": "redis://10.0.0.1"}


def options(given=EVERYTHING, **more):
    return KubernetesOptions.of(given | more)


def planned(given, *, indexed):
    chosen = options(given)
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "greenlithops-abc", "uid": "1-2-3"},
    }
    return [
        manifests.anchor(chosen, "abc"),
        *manifests.everything(chosen, "abc", {"key": "k"}, owner),
        manifests.job(chosen, "abc", 1, 7, indexed=indexed, memory_factor=2, owner=owner),
    ]


@pytest.fixture(scope="module")
def definitions():
    return json.loads(SCHEMA.read_text())["definitions"]


@pytest.mark.parametrize("given", [PLAIN, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
def test_current_versions_take_them(given, version):
    for one in planned(given, indexed=True):
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("given", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_version_1_20_takes_them(given, definitions):
    for one in planned(given, indexed=False):
        assert schema.problems(definitions, one) == []


def test_version_1_20_has_no_indexed_jobs(definitions):
    job = planned(PLAIN, indexed=True)[-1]
    (problem,) = schema.problems(definitions, job)
    assert problem.startswith("Job.spec.completionMode is not a field that this server knows")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"spec": {"replicaz": 1}}, "did you mean 'replicas'"),
        ({"spec": {"replicas": "1"}}, r"Deployment.spec.replicas must be of the type integer"),
        ({"spec": {"replicas": True}}, "must be of the type integer"),
        ({"spec": {"selector": None}}, r"Deployment.spec.selector is missing"),
        (
            {"spec": {"template": {"spec": {"containers": [{}]}}}},
            r"containers\[1\].name is missing",
        ),
        ({"metadata": {"labels": {"a": 1}}}, "must be of the type string"),
        ({"kind": "Deploy"}, "the server has no Deploy of apps/v1"),
    ],
)
def test_what_does_not_fit_the_schema_is_named(definitions, change, problem):
    found = schema.problems(definitions, merged(planned(PLAIN, indexed=False)[2], change))
    assert any(re.search(problem, one) for one in found), found


def test_pods_are_restricted_unless_options_say_otherwise():
    spec = template(options(PLAIN), "abc", "pool")["spec"]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert worker_of(spec)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert "runAsUser" not in str(spec), "OpenShift's restricted SCC gives each namespace its own"


NAMESPACE_USER = {"runAsUser": 1_000_650_000, "fsGroup": 1_000_650_000}
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
           "projected", "secret"}  # fmt: skip


def refused(spec, *, older=False):
    """Return why OpenShift's SCC `restricted-v2`, or the older `restricted`, refuses a pod.

    They are as OpenShift's documentation has them: users and groups are the namespace's own.
    """
    why = [f"volume {name}" for one in spec["volumes"] for name in one if name != "name"
           if name not in VOLUMES]  # fmt: skip
    for place in (spec, *spec["containers"], *spec.get("initContainers", ())):
        context = place.get("securityContext") or {}
        why += [name for name in ("runAsUser", "runAsGroup", "fsGroup", "seLinuxOptions")
                if name in context]  # fmt: skip
        why += ["capabilities"] if (context.get("capabilities") or {}).get("add") else []
        why += ["privileged"] if context.get("privileged") else []
        why += ["escalation"] if context.get("allowPrivilegeEscalation") else []
        seccomp = (context.get("seccompProfile") or {}).get("type")
        allowed = {None} if older else {None, "RuntimeDefault"}
        why += [] if seccomp in allowed else [f"seccomp {seccomp}"]
    why += [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return why


@pytest.mark.parametrize("role", ["pool", "job-1"])
def test_openshifts_restricted_scc_admits_pods(role):
    assert refused(template(options(PLAIN), "abc", role)["spec"]) == []


def test_openshifts_older_scc_admits_pods_without_a_profile(definitions):
    without = {"spec": {"securityContext": {"seccompProfile": None}, "containers": []}}
    plain = template(options(PLAIN), "abc", "pool")["spec"]
    assert refused(plain, older=True) == ["seccomp RuntimeDefault"]
    chosen = options(PLAIN | {"pod_template": without})
    assert refused(template(chosen, "abc", "pool")["spec"], older=True) == []
    for one in planned(PLAIN | {"pod_template": without}, indexed=False):
        assert schema.problems(definitions, one) == []


def test_what_openshift_would_refuse_is_only_there_on_request():
    asked = options(PLAIN | {"node_energy": True, "pod_security_context": NAMESPACE_USER})
    assert refused(template(asked, "abc", "pool")["spec"]) == [
        "volume hostPath",
        "runAsUser",
        "fsGroup",
    ]


def test_pods_that_read_counters_are_root_and_nothing_more():
    spec = template(options(PLAIN | {"node_energy": "/sys"}), "abc", "pool")["spec"]
    worker = worker_of(spec)
    assert spec["securityContext"] == {
        "runAsUser": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert worker["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    (volume,) = [one for one in spec["volumes"] if one["name"] == "greenlithops-node"]
    assert volume["hostPath"] == {"path": "/sys", "type": "Directory"}
    (mount,) = [one for one in worker["volumeMounts"] if one["name"] == "greenlithops-node"]
    assert mount["readOnly"] is True
    assert {"name": "GREENLITHOPS_SYSFS", "value": mount["mountPath"]} in worker["env"]


def test_jobs_over_a_storage_have_urls_in_a_secret_only(definitions):
    secret = manifests.parcels("abc", 3, [["https://get", "https://put"]])
    job = manifests.job(
        options(PLAIN), "abc", 3, 1, indexed=False, errand=Errand("greenlithops-abc-3", 0)
    )
    for one in (secret, job):
        assert schema.problems(definitions, one) == []
        assert "https" not in str(one)
    worker = worker_of(job["spec"]["template"]["spec"])
    assert worker["args"][1:] == [
        "/run/secrets/greenlithops-parcels/parcels.json",
        "--index",
        "0",
    ]


def test_options_go_over_the_template_and_that_over_defaults():
    found = template(options(), "abc", "pool")
    spec, worker = found["spec"], worker_of(found["spec"])
    assert [one["name"] for one in spec["containers"]] == ["worker", "side"]
    assert worker["workingDir"] == "/data"
    assert worker["resources"] == {
        "requests": {"cpu": "500m", "memory": "1024Mi"},
        "limits": {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": "1", "x/y": "1"},
    }
    assert spec["securityContext"]["fsGroup"] == 1000
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert worker["securityContext"]["runAsUser"] == 1000
    assert spec["tolerations"] == [{"operator": "Exists"}, *EVERYTHING["tolerations"]]
    assert spec["nodeSelector"] == {"pool": "calls", "kubernetes.io/arch": "arm64"}
    assert spec["imagePullSecrets"] == [{"name": "pull"}, {"name": "greenlithops-abc-pull"}]
    assert (
        found["metadata"]["labels"] | {"team": "green", "cost": "7"} == found["metadata"]["labels"]
    )
    assert {"name": "COLOUR", "value": "green"} in worker["env"]


def test_a_template_does_not_change():
    before = json.dumps(EVERYTHING)
    template(options(), "abc", "pool")
    manifests.job(options(), "abc", 1, 7, indexed=True, memory_factor=4)
    assert json.dumps(EVERYTHING) == before


def test_secrets_are_nowhere_but_in_secrets():
    chosen = options(EVERYTHING, redis="redis://:battery@10.0.0.1")
    found = manifests.everything(chosen, "abc", {"key": "staple", "redis": chosen.redis})
    secrets = [one for one in found if one["kind"] == "Secret"]
    assert len(secrets) == 2
    assert json.loads(base64.b64decode(secrets[0]["data"]["settings.json"]))["key"] == "staple"
    rest = json.dumps([one for one in found if one["kind"] != "Secret"]) + repr(chosen)
    for secret in ("battery", "staple", "horse"):
        assert secret not in rest


def test_a_job_has_as_many_pods_as_calls_and_more_memory_on_request():
    spec = manifests.job(options(PLAIN), "abc", 3, 500, indexed=True, memory_factor=4)["spec"]
    assert (spec["completions"], spec["parallelism"]) == (500, 100)
    assert spec["completionMode"] == "Indexed"
    worker = worker_of(spec["template"]["spec"])
    assert amount(worker["resources"]["limits"]["memory"]) == 4 * (512 << 20)
    assert worker["args"][-2:] == ["--once", "job-3"]


def test_the_anchor_ends_by_itself():
    spec = manifests.anchor(options(PLAIN), "abc")["spec"]
    assert spec["parallelism"] == 0
    assert spec["activeDeadlineSeconds"] == 600
    assert spec["ttlSecondsAfterFinished"] == 0


def test_energy_knows_where_nodes_are():
    chosen = options(PLAIN, worker_processes=2)
    size = size_of(chosen)
    assert (size.vcpus, size.memory_mb) == (0.5, 256)
    node = {
        "metadata": {"labels": {"topology.kubernetes.io/region": "westeurope"}},
        "spec": {"providerID": "azure:///subscriptions/x"},
    }
    there = placed(size, node, chosen)
    assert (there.provider, there.region) == ("Azure", "westeurope")
    assert placed(size, node, options(PLAIN, region="x", provider="GCP")).provider == "GCP"


def test_pods_leave_lost_nodes_soon_unless_somebody_says_otherwise():
    def tolerated(**more):
        found = template(options(PLAIN, **more), "abc", "pool")["spec"]["tolerations"]
        return {one.get("key"): one.get("tolerationSeconds") for one in found}

    not_ready, unreachable = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
    assert tolerated() == {not_ready: 30, unreachable: 30}
    longer = {"key": unreachable, "operator": "Exists", "tolerationSeconds": 300}
    assert tolerated(tolerations=[longer]) == {not_ready: 30, unreachable: 300}
    assert tolerated(tolerations=[{"operator": "Exists"}]) == {None: None}
    placed_anywhere = {"operator": "Exists", "effect": "NoSchedule"}
    assert tolerated(tolerations=[placed_anywhere]) == {None: None, not_ready: 30, unreachable: 30}
