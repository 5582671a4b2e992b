"""What a pod of workers is like: defaults, then the user's template, then what options say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.kubernetes.merge import merged
from greenlithops.backends.compute.kubernetes.naming import ROLE_POOL, WORKER, labels, name_of
from greenlithops.backends.compute.kubernetes.values import amount, environment, quantity
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from greenlithops.backends.compute.kubernetes.naming import Manifest
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions

SETTINGS = "/run/secrets/greenlithops"
PARCELS = "/run/secrets/greenlithops-parcels"
AGENT = "greenlithops.backends.compute.kubernetes.agent"
ERRAND = "greenlithops.backends.compute.kubernetes.errand"
NODE = "/run/greenlithops"  #: where the node's meter tells what it measures
SYSFS = "/host/sys"  #: where pods have the node's counters that read these themselves
END_SECONDS = 10  #: for a pod to end by itself, after the grace that its calls have


@dataclass(frozen=True, slots=True)
class Errand:
    """What pods of a Job run whose invocations lie in a storage.

    Attributes:
        secret: says where they are.
        index: which of them; None in an indexed Job, whose pods know.
    """

    secret: str
    index: int | None


DEFAULT_CPU, DEFAULT_MEMORY = "1", "512Mi"
#: for which pods stay on a node that the cluster calls lost; else it leaves them there for five
#: minutes before others take their place
LOST_SECONDS = 30
_LOST = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def template(
    options: KubernetesOptions,
    session: str,
    role: str,
    *,
    memory_factor: int = 1,
    errand: Errand | None = None,
) -> Manifest:
    """Return the template of pods: defaults, then the user's template, then what options say."""
    given = given_template(options.pod_template)
    own = merged(_default_spec(options), given.get("spec", {}))
    spec = merged(own, _chosen_spec(options, session))
    spec["tolerations"] = [*spec.get("tolerations", ()), *_lost_nodes(spec)]
    if role != ROLE_POOL:
        spec["restartPolicy"] = "Never"
        worker = worker_of(spec)
        if errand is None:
            worker["args"] = [*worker.get("args", ()), "--once", role]
        else:
            _send(spec, worker, errand)
    if memory_factor != 1:
        _grow(worker_of(spec), memory_factor)
    metadata = merged(
        given.get("metadata", {}),
        {"labels": dict(options.labels), "annotations": dict(options.annotations)},
    )
    metadata["labels"] |= labels(session, role)
    if not metadata["annotations"]:
        del metadata["annotations"]
    return {"metadata": metadata, "spec": spec}


def _lost_nodes(spec: Manifest) -> list[Manifest]:
    """Return how long pods stay on lost nodes, unless somebody has said so already."""
    given = [one for one in spec.get("tolerations", ()) if one.get("effect") in (None, "NoExecute")]
    said = {one.get("key") for one in given}
    each = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_SECONDS}
    return [{"key": key, **each} for key in _LOST if not said & {key, None}]


def _kept(secret: str) -> Manifest:
    """Return the source of a volume that may end after the Secret which it is of.

    Everything is deleted at once in the end. A kubelet that is started again then would not let go
    of a pod that ends while it finds no Secret for it to mount (seen with 1.20).
    """
    return {"secretName": secret, "optional": True}


def _send(spec: Manifest, worker: Manifest, errand: Errand) -> None:
    """Have a pod run one invocation that lies in a storage."""
    name = "greenlithops-parcels"
    spec["volumes"] = [*spec["volumes"], {"name": name, "secret": _kept(errand.secret)}]
    mount = {"name": name, "mountPath": PARCELS, "readOnly": True}
    worker["volumeMounts"] = [*worker["volumeMounts"], mount]
    worker["command"] = ["python3", "-m", ERRAND]
    worker["args"] = [*worker["args"], f"{PARCELS}/parcels.json"]
    if errand.index is not None:
        worker["args"] += ["--index", str(errand.index)]


def given_template(given: Any) -> Manifest:
    """Return the user's template of a pod.

    Raises:
        ConfigurationError: it is neither a pod nor a template of one.
    """
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ConfigurationError("kubernetes: pod_template is a mapping, or a file that has one")
    inner = given.get("template", given)
    if not isinstance(inner, dict) or not isinstance(inner.get("spec"), dict):
        raise ConfigurationError("kubernetes: pod_template has no 'spec' of a pod")
    return {name: inner[name] for name in ("metadata", "spec") if name in inner}


def _default_spec(options: KubernetesOptions) -> Manifest:
    """Return what a pod is like if nobody says otherwise: restricted, as the standard calls it."""
    memory = quantity("memory", options.memory) or DEFAULT_MEMORY
    requests = {"cpu": quantity("cpu", options.cpu) or DEFAULT_CPU, "memory": memory}
    worker: Manifest = {
        "name": WORKER,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": requests, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": round(options.grace_seconds) + END_SECONDS,
        "securityContext": {
            # The kernel lets root alone read the counters; it needs no capability for that.
            **(
                {"runAsUser": 0} if isinstance(options.node_energy, str) else {"runAsNonRoot": True}
            ),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [worker],
    }


def _chosen_spec(options: KubernetesOptions, session: str) -> Manifest:
    """Return what options say of a pod, and what a worker needs."""
    found = {
        "nodeSelector": dict(options.node_selector)
        | ({"kubernetes.io/arch": options.architecture} if options.architecture else {}),
        "affinity": dict(options.affinity),
        "tolerations": [dict(one) for one in options.tolerations],
        "priorityClassName": options.priority_class,
        "serviceAccountName": options.service_account,
        "automountServiceAccountToken": True if options.service_account else None,
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets]
        + ([{"name": f"{name_of(session)}-pull"}] if registry(options) else []),
        "securityContext": dict(options.pod_security_context or {}),
        "volumes": [
            *map(dict, options.volumes),
            {"name": "greenlithops-settings", "secret": _kept(name_of(session))},
            {"name": "greenlithops-tmp", "emptyDir": {}},
            *([_node_volume(options)] if options.node_energy else []),
        ],
        "containers": [_chosen_worker(options)],
    }
    return {name: value for name, value in found.items() if value}


def _chosen_worker(options: KubernetesOptions) -> Manifest:
    limits = {
        "cpu": quantity("cpu_limit", options.cpu_limit),
        "memory": quantity("memory_limit", options.memory_limit or options.memory),
        options.gpu_resource: str(options.gpu) if options.gpu else None,
    }
    requests = {
        "cpu": quantity("cpu", options.cpu),
        "memory": quantity("memory", options.memory),
    }
    resources = {
        kind: {name: value for name, value in given.items() if value}
        for kind, given in (("requests", requests), ("limits", limits))
    }
    mounts = [
        *map(dict, options.volume_mounts),
        {"name": "greenlithops-settings", "mountPath": SETTINGS, "readOnly": True},
        {"name": "greenlithops-tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
    ]
    variables = [
        {"name": "HOME", "value": "/tmp"},  # noqa: S108 - the pod's own
        *environment(options.env),
        {"name": "GREENLITHOPS_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    if options.node_energy:
        place, variable = _node_meter(options)
        mounts.append({"name": "greenlithops-node", "mountPath": place, "readOnly": True})
        variables.append({"name": variable, "value": place})
    worker: Manifest = {
        "name": WORKER,
        "command": ["python3", "-m", AGENT],
        "args": [f"{SETTINGS}/settings.json"],
        "env": variables,
        "volumeMounts": mounts,
    }
    if found := {kind: given for kind, given in resources.items() if given}:
        worker["resources"] = found
    if options.image:
        worker["image"] = options.image
    if options.image_pull_policy:
        worker["imagePullPolicy"] = options.image_pull_policy
    if options.container_security_context:
        worker["securityContext"] = dict(options.container_security_context)
    return worker


def _node_meter(options: KubernetesOptions) -> tuple[str, str]:
    """Return where pods have the node's meter, and the variable that says so."""
    if isinstance(options.node_energy, str):
        return SYSFS, "GREENLITHOPS_SYSFS"
    return NODE, "GREENLITHOPS_RUNTIME_DIR"


def _node_volume(options: KubernetesOptions) -> Manifest:
    # The page's folder is made by whoever comes first; the node's own sysfs must be there.
    own = isinstance(options.node_energy, str)
    place = {"path": options.node_energy, "type": "Directory"}
    made = {"path": NODE, "type": "DirectoryOrCreate"}
    return {"name": "greenlithops-node", "hostPath": place if own else made}


def worker_of(spec: Manifest) -> Manifest:
    """Return the container in which calls run."""
    found: Manifest = next(one for one in spec["containers"] if one["name"] == WORKER)
    return found


def _grow(worker: Manifest, factor: int) -> None:
    """Give a container more memory, wherever it says how much it has."""
    resources = worker["resources"] = {
        kind: dict(given) for kind, given in worker.get("resources", {}).items()
    }
    for given in resources.values():
        if "memory" in given:
            given["memory"] = str(round(amount(given["memory"]) * factor))


def registry(options: KubernetesOptions) -> bool:
    """Return whether a secret is made with which images are pulled."""
    return bool(options.docker_server and options.docker_user and options.docker_password)
