"""What a service on Cloud Run that runs calls is like: one frozen value, with Lithops' names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.gcp_functions.options import check_names
from greenlithops.backends.compute.services import chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "gcp_cloudrun"
TIMEOUT = (1, 3600)  #: seconds
LEAST_CPU = 0.08
#: MB, least and most, from so many CPUs on (cloud.google.com/run/docs/configuring/services/cpu)
SIZES = {
    0.08: (128, 512),
    0.5: (128, 1024),
    1: (128, 4096),
    2: (128, 8192),
    4: (2048, 16_384),
    6: (4096, 24_576),
    8: (4096, 32_768),
}
#: Lithops' names for what is not needed here
_OTHERS: Mapping[str, str | None] = {
    "trigger": None,  # a service is invoked by requests
    "docker_server": None,  # Google builds the image, into its own registry
    "docker_user": None,
    "docker_password": None,
    "docker_namespace": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudRunOptions:
    """A service on Cloud Run that runs calls.

    Attributes:
        region: where.
        project_name: the project; None for that of the credentials.
        credentials_path: the file of a service account; None to look for credentials as Google's
            tools do.
        service_account: the account that calls have; None for the project's own.
        runtime: an image that runs the worker's application on ``$PORT``; None to have one built.
        runtime_memory: MB.
        runtime_cpu: CPUs: a part of one from 0.08, or 1, 2, 4, 6 or 8.
        runtime_timeout: seconds that an invocation may take.
        worker_processes: calls of one invocation that run at a time, each in a process.
        max_workers: instances at most.
        min_workers: instances that stay.
        artifact_registry_repository: where images are built to; made if it is not there.
        source_bucket: where they are built from; None for one named after project and region.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        requirements: packages for the image, as pip takes them; pin their versions.
        namespace: a part of the service's name, to tell deployments apart.
        endpoint: a URL with ``{api}`` where the name of one of Google's APIs belongs; None for
            Google's own.
        patience: seconds for which the service may be away before calls fail.
    """

    region: str
    project_name: str | None = None
    credentials_path: str | None = None
    service_account: str | None = None
    runtime: str | None = None
    runtime_memory: int = 256
    runtime_cpu: float = 0.25
    runtime_timeout: int = 300
    worker_processes: int = 1
    max_workers: int = 100
    min_workers: int = 0
    artifact_registry_repository: str = "greenlithops"
    source_bucket: str | None = None
    env_vars: Any = ()
    requirements: Sequence[str] = ()
    namespace: str | None = None
    endpoint: str | None = None
    patience: float = 60.0

    def __post_init__(self) -> None:
        within(f"{NAME}: runtime_timeout", self.runtime_timeout, TIMEOUT, "seconds")
        cpu = self.runtime_cpu
        if not LEAST_CPU <= cpu < 1 and cpu not in SIZES:
            raise ConfigurationError(
                f"{NAME}: runtime_cpu is from {LEAST_CPU} to 1, or one of 2, 4, 6 and 8, not "
                f"{cpu!r}"
            )
        least, most = SIZES[max(one for one in SIZES if one <= cpu)]
        if not least <= self.runtime_memory <= most:
            raise ConfigurationError(
                f"{NAME}: with {cpu:g} CPU, runtime_memory is from {least} to {most} MB, not "
                f"{self.runtime_memory}"
            )
        check_names(NAME, None, self.namespace)
        self.environment()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> CloudRunOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        return chosen(cls, NAME, given, _OTHERS)

    def environment(self) -> dict[str, str]:
        """Return the environment variables."""
        return variables(NAME, self.env_vars)
