"""What a Code Engine application that runs calls is like, with Lithops' names for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.services import COMMAND, chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CPUS = (0.125, 0.25, 0.5, 1, 2, 4, 6, 8, 10, 12)
MB_PER_CPU = (2048, 4096, 8192)  #: the service's combinations
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
#: Lithops' names, and which of ours they are; None for those that have no meaning here
_OTHERS: Mapping[str, str | None] = {
    "max_workers": "max_scale",
    "connection_retries": None,  # see patience
    "namespace": None,  # the project has one
    "token_expiry_time": None,  # the token says it
    "docker_namespace": None,  # the image's name says it
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEngineOptions:
    """A Code Engine application that runs calls.

    Attributes:
        runtime: the image, with greenlithops and what `command` needs in it.
        region: where, such as ``eu-de``.
        iam_api_key: an API key of the account; or `token`.
        token: an IAM token, where there is no key; it is not renewed.
        project_id: the project; or `project_name`.
        project_name: its name; it is made if there is none.
        resource_group_id: the resource group, for a project that is made.
        name: the application's name, instead of one that follows from these options.
        runtime_memory: MB of an instance; 2, 4 or 8 GB for each CPU.
        runtime_cpu: CPUs of an instance, from 0.125 to 12.
        runtime_timeout: seconds that a request may take, 600 at most.
        worker_processes: calls of one invocation that run at a time, each in a process.
        min_scale: instances that stay when there is nothing to do.
        max_scale: instances at most.
        container_concurrency: invocations at a time in one instance.
        command: what the image runs.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        docker_server: the registry, for the secret with which the image is had.
        docker_user: its user.
        docker_password: its password, or token.
        image_secret: the name of a registry secret that is there, instead.
        ready_seconds: how long a new revision may take until it is ready.
        endpoint: the API's URL, instead of IBM's.
        iam_endpoint: IAM's URL, instead of IBM's.
        patience: seconds for which the service may be away before calls fail.
    """

    runtime: str
    region: str
    iam_api_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    project_id: str | None = None
    project_name: str | None = None
    resource_group_id: str | None = None
    name: str | None = None
    runtime_memory: int = 256
    runtime_cpu: float = 0.125
    runtime_timeout: int = 600
    worker_processes: int = 1
    min_scale: int = 0
    max_scale: int = 100
    container_concurrency: int = 1
    command: Sequence[str] = COMMAND
    env_vars: Any = ()
    docker_server: str = "https://index.docker.io/v1/"
    docker_user: str | None = None
    docker_password: str | None = field(default=None, repr=False)
    image_secret: str | None = None
    ready_seconds: float = 300.0
    endpoint: str | None = None
    iam_endpoint: str = "https://iam.cloud.ibm.com"
    patience: float = 60.0

    def __post_init__(self) -> None:
        within("code_engine: worker_processes", self.worker_processes, (1, 64), "processes")
        within("code_engine: runtime_timeout", self.runtime_timeout, (1, 600), "seconds")
        within("code_engine: max_scale", self.max_scale, (1, 250), "instances")
        within("code_engine: min_scale", self.min_scale, (0, self.max_scale), "instances")
        within("code_engine: container_concurrency", self.container_concurrency, (1, 1000), "calls")
        if self.runtime_cpu not in CPUS or self.runtime_memory / self.runtime_cpu not in MB_PER_CPU:
            sizes = ", ".join(f"{self.runtime_cpu * mb:g}" for mb in MB_PER_CPU)
            raise ConfigurationError(
                f"code_engine: runtime_cpu is one of {', '.join(f'{cpu:g}' for cpu in CPUS)}, and "
                f"runtime_memory 2, 4 or 8 GB for each; {self.runtime_cpu:g} CPUs and "
                f"{self.runtime_memory} MB do not go together (of {self.runtime_cpu:g}: {sizes} MB)"
            )
        if (self.iam_api_key is None) is (self.token is None):
            raise ConfigurationError("code_engine: give iam_api_key, or token")
        if self.project_id is None and self.project_name is None:
            raise ConfigurationError("code_engine: give project_id, or project_name")
        if self.name is not None and (len(self.name) > 63 or not _NAME.fullmatch(self.name)):  # noqa: PLR2004 - DNS' limit
            raise ConfigurationError(
                f"code_engine: name has small letters, digits and -, 63 at most, not {self.name!r}"
            )
        if (self.docker_password is None) is not (self.docker_user is None):
            raise ConfigurationError("code_engine: docker_user and docker_password go together")
        self.environment()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> CodeEngineOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        return chosen(cls, "code_engine", given, _OTHERS)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of calls."""
        return variables("code_engine", self.env_vars)

    def api(self) -> str:
        """Return the URL of the API."""
        if self.endpoint is not None:
            return self.endpoint.rstrip("/")
        return f"https://api.{self.region}.codeengine.cloud.ibm.com/v2"
