"""What a Knative Service that runs calls is like: one frozen value, with Lithops' names for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.compute.services import COMMAND, chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAYERS = ("kourier", "istio")
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
#: Lithops' names, and which of ours they are; None for those that have no meaning here
_OTHERS: Mapping[str, str | None] = {
    "kubecfg_path": "kubeconfig",
    "kubecfg_context": "context",
    "max_workers": "max_scale",
    "min_workers": "min_scale",
    "cluster": None,  # the context says it
    "user": None,
    "master_name": None,  # there is no coordinating pod
    "docker_namespace": None,  # the image's name says it
}
_BUILDS = (
    "images are not built in the cluster here: build one with `greenlithops runtime "
    "build -b knative`, and give its name as runtime"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnativeOptions:
    """A Knative Service that runs calls.

    Attributes:
        runtime: the image, with greenlithops and what `command` needs in it.
        namespace: where; None for the context's own.
        kubeconfig: the cluster's configuration file; None for ``KUBECONFIG``, else
            ``~/.kube/config``.
        context: the context in it; None for the current one.
        in_cluster: whether to use the account of the pod in which this program runs; None: if it
            runs in one and there is no configuration file.
        name: the Service's name, instead of one that follows from these options.
        runtime_memory: MB of a pod.
        runtime_cpu: CPUs of a pod.
        runtime_timeout: seconds that an invocation may take; Knative's own limit is 600, unless
            its administrator gave another.
        worker_processes: calls of one invocation that run at a time, each in a process.
        min_scale: pods that stay when there is nothing to do.
        max_scale: pods at most.
        container_concurrency: invocations at a time in one pod.
        command: what the image runs.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        labels: labels of the Service and its pods.
        service_account: the account that calls have in the cluster.
        pull_secrets: names of the secrets with which the image is had.
        docker_server: the registry, if a pull secret is to be made.
        docker_user: its user.
        docker_password: its password, or token.
        networking_layer: ``kourier`` or ``istio``, to find the ingress by itself.
        ingress_endpoint: the ingress' URL, where the Service's own name is not known to DNS.
        service_host_suffix: what the Service's host ends with, instead of what Knative says.
        ready_seconds: how long a new revision may take until it is ready.
        patience: seconds for which the service may be away before calls fail.
        provider: whose machines the cluster has, for energy: see `ServiceSize`.
        region: where they are, as the provider names it.
    """

    runtime: str
    namespace: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    in_cluster: bool | None = None
    name: str | None = None
    runtime_memory: int = 512
    runtime_cpu: float = 1.0
    runtime_timeout: int = 600
    worker_processes: int = 1
    min_scale: int = 0
    max_scale: int = 100
    container_concurrency: int = 1
    command: Sequence[str] = COMMAND
    env_vars: Any = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    service_account: str | None = None
    pull_secrets: Sequence[str] = ()
    docker_server: str = "https://index.docker.io/v1/"
    docker_user: str | None = None
    docker_password: str | None = field(default=None, repr=False)
    networking_layer: str | None = None
    ingress_endpoint: str | None = None
    service_host_suffix: str | None = None
    ready_seconds: float = 300.0
    patience: float = 60.0
    provider: Literal["AWS", "Azure", "GCP", "Alibaba", "other"] = "other"
    region: str | None = None

    def __post_init__(self) -> None:
        within("knative: runtime_memory", self.runtime_memory, (32, 1 << 22), "MB")
        within("knative: runtime_cpu", self.runtime_cpu, (0.01, 1024), "CPUs")
        within("knative: worker_processes", self.worker_processes, (1, 64), "processes")
        within("knative: runtime_timeout", self.runtime_timeout, (1, 86_400), "seconds")
        within("knative: container_concurrency", self.container_concurrency, (1, 1000), "calls")
        within("knative: max_scale", self.max_scale, (1, 1_000_000), "pods")
        within("knative: min_scale", self.min_scale, (0, self.max_scale), "pods")
        if self.name is not None and (len(self.name) > 63 or not _NAME.fullmatch(self.name)):  # noqa: PLR2004 - DNS' limit
            raise ConfigurationError(
                f"knative: name has small letters, digits and -, 63 at most, not {self.name!r}"
            )
        if self.networking_layer not in {None, *LAYERS}:
            raise ConfigurationError(
                f"knative: networking_layer is one of {', '.join(LAYERS)}, not "
                f"{self.networking_layer!r}"
            )
        if (self.docker_password is None) is not (self.docker_user is None):
            raise ConfigurationError("knative: docker_user and docker_password go together")
        self.environment()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> KnativeOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        for name in ("git_url", "git_rev"):
            if given.get(name) is not None:
                raise ConfigurationError(f"knative: {name} is not possible here: {_BUILDS}")
        return chosen(cls, "knative", given, _OTHERS)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of calls."""
        return variables("knative", self.env_vars)
