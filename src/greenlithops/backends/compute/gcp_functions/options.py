"""What a Cloud Function that runs calls is like: one frozen value, with Lithops' names for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.services import chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "gcp_functions"
TIMEOUT = (1, 3600)  #: seconds
#: virtual CPUs by MB (cloud.google.com/functions/docs/configuring/memory)
VCPUS = {
    128: 0.083, 256: 0.167, 512: 0.333, 1024: 0.583, 2048: 1.0, 4096: 2.0, 8192: 2.0,
    16_384: 4.0, 32_768: 8.0,
}  # fmt: skip
_FUNCTION = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
#: Lithops' names for what is not needed here
_OTHERS: Mapping[str, str | None] = {
    "retries": None,  # what is throttled is sent again by itself
    "retry_sleep": None,
    "trigger": None,  # results come in replies, whatever it says
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionsOptions:
    """A function of Google's Cloud Functions (second generation) that runs calls.

    Attributes:
        region: where.
        project_name: the project; None for that of the credentials.
        credentials_path: the file of a service account; None to look for credentials as Google's
            tools do.
        service_account: the account that calls have; None for the project's own.
        runtime: the function's whole name, instead of one that follows from these options.
        runtime_memory: MB; one of 128, 256, 512 … 32768, which also say how much CPU there is.
        runtime_timeout: seconds that an invocation may take.
        worker_processes: calls of one invocation that run at a time, each in a process.
        max_workers: instances at most.
        min_workers: instances that stay.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        requirements: packages for the function, as pip takes them; pin their versions.
        namespace: a part of the function's name, to tell deployments apart.
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
    runtime_timeout: int = 300
    worker_processes: int = 1
    max_workers: int = 1000
    min_workers: int = 0
    env_vars: Any = ()
    requirements: Sequence[str] = ()
    namespace: str | None = None
    endpoint: str | None = None
    patience: float = 60.0

    def __post_init__(self) -> None:
        if self.runtime_memory not in VCPUS:
            raise ConfigurationError(
                f"{NAME}: runtime_memory is one of {', '.join(map(str, VCPUS))} MB, not "
                f"{self.runtime_memory!r}"
            )
        within(f"{NAME}: runtime_timeout", self.runtime_timeout, TIMEOUT, "seconds")
        check_names(NAME, self.runtime, self.namespace)
        self.environment()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> FunctionsOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        return chosen(cls, NAME, given, _OTHERS)

    def environment(self) -> dict[str, str]:
        """Return the environment variables."""
        return variables(NAME, self.env_vars)


def check_names(backend: str, runtime: str | None, namespace: str | None) -> None:
    """Raise a `ConfigurationError` if a name cannot be that of a service on Cloud Run."""
    for option, name in (("runtime", runtime), ("namespace", namespace)):
        if name is not None and not _FUNCTION.fullmatch(name):
            raise ConfigurationError(
                f"{backend}: {option} has lower-case letters, digits and - only, and begins with "
                f"a letter, not {name!r}"
            )
