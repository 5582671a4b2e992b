"""What a container app that runs calls is like: one frozen value, with Lithops' names for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.services import chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenlithops.backends.storage.azure.access import Credential

NAME = "azure_containers"
TIMEOUT = (1, 240)  #: seconds for which Azure's front end waits for a reply
STEP, MOST = 512, 8192  #: MB; there is a quarter of a virtual CPU for each step
MB_PER_VCPU = 2048
MOST_REPLICAS = 1000
_ENVIRONMENT = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.App/"
    r"managedEnvironments/[^/]+",
    re.IGNORECASE,
)
_APP = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
#: Lithops' names, and which of ours they are; None for those that are not needed
_OTHERS: Mapping[str, str | None] = {
    "location": "region",
    "trigger": None,
    "docker_namespace": None,  # the image's name says it
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainersOptions:
    """A container app of Azure's that runs calls.

    Attributes:
        resource_group: where it belongs.
        region: where it runs.
        storage_account_name: the account that its code is kept in; not needed with `runtime`.
        storage_account_key: the account's key.
        storage_endpoint: the URL of the account's Blob service; None for Azure's.
        subscription_id: the subscription; None for ``AZURE_SUBSCRIPTION_ID``, or the only one.
        environment: the environment that it runs in; made if it is not there.
        environment_id: an environment's whole id, instead.
        log_analytics_workspace: the workspace of the resource group that keeps the logs of an
            environment that is made.
        runtime: an image that runs the worker's application on port 8080; None for Python's own,
            which fetches the code when it starts.
        docker_server: the image's registry, if it wants to know who asks.
        docker_user: whom to be there.
        docker_password: the user's password, or token.
        runtime_memory: MB: a multiple of 512, up to 8192.
        runtime_cpu: virtual CPUs: what belongs to the memory, one for each 2048 MB.
        runtime_timeout: seconds that an invocation may take.
        worker_processes: calls of one invocation that run at a time, each in a process.
        max_workers: replicas at most.
        min_workers: replicas that stay.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        requirements: packages to bring, as wheels; pin their versions.
        namespace: a part of the app's name, to tell deployments apart.
        credential: of Azure's SDK for asyncio; None to look for one as Azure's tools do.
        endpoint: the control plane's URL; None for that of Azure's public cloud.
        patience: seconds for which the service may be away before calls fail.
    """

    resource_group: str
    region: str
    storage_account_name: str | None = None
    storage_account_key: str | None = field(default=None, repr=False)
    storage_endpoint: str | None = None
    subscription_id: str | None = None
    environment: str = "greenlithops"
    environment_id: str | None = None
    log_analytics_workspace: str | None = None
    runtime: str | None = None
    docker_server: str = "docker.io"
    docker_user: str | None = None
    docker_password: str | None = field(default=None, repr=False)
    runtime_memory: int = 512
    runtime_cpu: float | None = None
    runtime_timeout: int = 240
    worker_processes: int = 1
    max_workers: int = 100
    min_workers: int = 0
    env_vars: Any = ()
    requirements: Sequence[str] = ()
    namespace: str | None = None
    credential: Credential | None = field(default=None, repr=False)
    endpoint: str | None = None
    patience: float = 60.0

    def __post_init__(self) -> None:
        within(f"{NAME}: runtime_memory", self.runtime_memory, (STEP, MOST), "MB")
        if self.runtime_memory % STEP:
            raise ConfigurationError(
                f"{NAME}: runtime_memory is a multiple of {STEP} MB, not {self.runtime_memory}"
            )
        if self.runtime_cpu not in {None, self.vcpus}:
            raise ConfigurationError(
                f"{NAME}: with {self.runtime_memory} MB, runtime_cpu is {self.vcpus:g}, not "
                f"{self.runtime_cpu!r}"
            )
        within(f"{NAME}: runtime_timeout", self.runtime_timeout, TIMEOUT, "seconds")
        within(f"{NAME}: max_workers", self.max_workers, (1, MOST_REPLICAS), "replicas")
        within(f"{NAME}: min_workers", self.min_workers, (0, self.max_workers), "replicas")
        if self.environment_id is not None and not _ENVIRONMENT.fullmatch(self.environment_id):
            raise ConfigurationError(
                f"{NAME}: environment_id is /subscriptions/…/resourceGroups/…/providers/"
                f"Microsoft.App/managedEnvironments/…, not {self.environment_id!r}"
            )
        if self.namespace is not None and not _APP.fullmatch(self.namespace):
            raise ConfigurationError(
                f"{NAME}: namespace has lower-case letters, digits and - only, not "
                f"{self.namespace!r}"
            )
        if self.runtime is None and not (self.storage_account_name and self.storage_account_key):
            raise ConfigurationError(
                f"{NAME}: 'storage_account_name' and 'storage_account_key' are missing: the "
                "account that the code is kept in; or give an image as runtime"
            )
        if (self.docker_user is None) != (self.docker_password is None):
            raise ConfigurationError(f"{NAME}: docker_user and docker_password belong together")
        self.environment_variables()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ContainersOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        return chosen(cls, NAME, given, _OTHERS)

    @property
    def vcpus(self) -> float:
        """The virtual CPUs of a replica."""
        return self.runtime_memory / MB_PER_VCPU

    def environment_variables(self) -> dict[str, str]:
        """Return the environment variables."""
        return variables(NAME, self.env_vars)
