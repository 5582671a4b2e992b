"""What pods are like and how many there may be: one frozen value, with Lithops' names for it."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.compute.kubernetes.rules import check
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Lithops' names that are ours under others
_SAME: Mapping[str, str] = {
    "kubecfg_path": "kubeconfig",
    "kubecfg_context": "context",
    "runtime": "image",
    "runtime_cpu": "cpu",
    "runtime_memory": "memory",
    "runtime_arch": "architecture",
}
#: Lithops' names that have no meaning here
_NEEDLESS = frozenset(
    {
        *("backend", "cluster", "docker_namespace", "invoke_pool_threads", "master_name"),
        *("master_timeout", "remote_invoker", "runtime_include_function", "storage", "user"),
    }
)
#: Lithops' names the meaning of which would be lost, and what to do instead
_REFUSED: Mapping[str, str] = {
    "rabbitmq_executor": "warm pods take calls from Redis: leave it out, and give redis",
    "amqp_url": "calls travel by Redis, not RabbitMQ: give redis",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesOptions:
    """Pods that run calls.

    Attributes:
        image: the workers' image: Python of this program's minor version, and greenlithops with
            its extra ``redis``; ``greenlithops runtime build`` makes one.
        redis: the Redis (6.2 or later) through which calls travel: a URL, or a mapping as in the
            section ``redis`` of a configuration.
        worker_redis: the same server as pods reach it, if that is another address.
        mode: ``pool``: pods live on between calls; ``jobs``: each invocation has a pod of its own.
        pool: the name of a pool that is installed already, from the Helm chart or Kustomize; it is
            then used as it is, and left there.
        kubeconfig: the configuration file of the cluster; None for ``KUBECONFIG``, else
            ``~/.kube/config``.
        context: the context in it; None for its current one.
        in_cluster: whether to use the service account of the pod in which this program runs; None:
            if it runs in one and there is no configuration file.
        namespace: where; None for the context's.
        min_workers: pods that are kept while the executor is open.
        max_workers: pods at most.
        worker_processes: calls that a pod runs at a time, each in a process of its own.
        idle_seconds: after which pods beyond `min_workers` that have nothing to do are ended.
        lease_seconds: after which the calls of a pod that gives no sign go to another one.
        client_seconds: after which pods end when this program gives no sign.
        attempts: how many pods may be lost with a call before it fails.
        unschedulable_seconds: for which pods may wait for a place, or their lost node to come back,
            while none runs.
        start_seconds: in which a first pod must run.
        grace_seconds: that a pod that is told to end has for the calls that it runs.
        runtime_timeout: seconds that an invocation may run; None: no limit.
        more_memory: how often an invocation that ran out of memory is run again in a pod with
            twice as much.
        patience: seconds for which the cluster or Redis may be away before calls fail.
        cpu: CPUs that a pod requests: a number, or a quantity such as ``500m``.
        cpu_limit: CPUs that it may use at most; None: no limit.
        memory: memory that a pod requests and may use: MiB, or a quantity such as ``1Gi``.
        memory_limit: if it may use more than it requests.
        gpu: how many GPUs it has.
        gpu_resource: what the cluster calls them.
        node_selector: labels of the nodes.
        affinity: as in a pod's ``spec.affinity``.
        tolerations: as in a pod's ``spec.tolerations``.
        priority_class: the pods' priority class.
        service_account: the pods' service account; without one they get no token.
        image_pull_secrets: names of secrets.
        image_pull_policy: ``Always``, ``IfNotPresent`` or ``Never``; None for the cluster's way.
        docker_server: a registry for which a pull secret is made,
        docker_user: with this user
        docker_password: and password.
        pod_security_context: over the restricted one that pods have.
        container_security_context: over the restricted one that containers have.
        architecture: ``amd64`` or ``arm64``; None for any node.
        volumes: as in a pod's ``spec.volumes``.
        volume_mounts: as in a container's ``volumeMounts``.
        env: environment variables of calls: a mapping, or a list as in a container's ``env``.
        labels: of all pods.
        annotations: of all pods.
        pod_template: a pod, or a pod's template, as a mapping or a YAML file, for all else: what is
            said here goes over it. The workers' container in it is called ``worker``.
        node_energy: measure calls by the node's meter: True for what the DaemonSet tells in
            ``/run/greenlithops``; ``"/sys"`` (or where else the node's sysfs is) to read its
            counters from the pods themselves, which then run as root.
        region: where the cluster is, as its provider names it, for carbon; None: as its nodes'
            labels say.
        provider: whose machines they are, for the energy model: ``AWS``, ``Azure`` or ``GCP``;
            None: as its nodes say.
    """

    image: str | None = None
    redis: Any = field(default=None, repr=False)
    worker_redis: Any = field(default=None, repr=False)
    mode: Literal["pool", "jobs"] = "pool"
    pool: str | None = None
    kubeconfig: str | os.PathLike[str] | None = None
    context: str | None = None
    in_cluster: bool | None = None
    namespace: str | None = None
    min_workers: int = 0
    max_workers: int = 100
    worker_processes: int = 1
    idle_seconds: float = 60.0
    lease_seconds: float = 10.0
    client_seconds: float = 60.0
    attempts: int = 3
    unschedulable_seconds: float = 60.0
    start_seconds: float = 600.0
    grace_seconds: float = 30.0
    runtime_timeout: float | None = None
    more_memory: int = 0
    patience: float = 60.0
    cpu: float | str | None = None
    cpu_limit: float | str | None = None
    memory: float | str | None = None
    memory_limit: float | str | None = None
    gpu: int = 0
    gpu_resource: str = "nvidia.com/gpu"
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: Mapping[str, Any] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    priority_class: str | None = None
    service_account: str | None = None
    image_pull_secrets: Sequence[str] = ()
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    docker_server: str | None = None
    docker_user: str | None = None
    docker_password: str | None = field(default=None, repr=False)
    pod_security_context: Mapping[str, Any] | None = None
    container_security_context: Mapping[str, Any] | None = None
    architecture: Literal["amd64", "arm64"] | None = None
    volumes: Sequence[Mapping[str, Any]] = ()
    volume_mounts: Sequence[Mapping[str, Any]] = ()
    env: Any = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    pod_template: Any = None
    node_energy: bool | str = False
    region: str | None = None
    provider: Literal["AWS", "Azure", "GCP"] | None = None

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> KubernetesOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        known = {one.name for one in fields(cls)}
        found: dict[str, Any] = {}
        for name, value in given.items():
            own = _SAME.get(name, name)
            if name in _REFUSED and value:
                raise ConfigurationError(f"kubernetes: {name} is not possible: {_REFUSED[name]}")
            if own in known:
                if value is not None:
                    found.setdefault(own, value)
            elif name not in _NEEDLESS and name not in _REFUSED:
                near = difflib.get_close_matches(name, [*known, *_SAME], 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                raise ConfigurationError(f"kubernetes has no option {name!r}; {hint}")
        return cls(**found)


def with_template(options: KubernetesOptions) -> KubernetesOptions:
    """Return options whose template of pods is read from its file."""
    from pathlib import Path  # noqa: PLC0415 - only here

    import yaml  # noqa: PLC0415 - the same

    given = options.pod_template
    if not isinstance(given, (str, os.PathLike)):
        return options
    try:
        content = yaml.safe_load(Path(given).expanduser().read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"kubernetes: pod_template cannot be read: {error}") from error
    return replace(options, pod_template=content)
