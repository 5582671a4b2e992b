"""What an OpenWhisk action that runs calls is like, with Lithops' names for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.compute.services import PYTHON, chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAME = re.compile(r"[\w@ .-]+")
#: Lithops' names, and which of ours they are; None for those that have no meaning here
_OTHERS: Mapping[str, str | None] = {
    "max_workers": "concurrency",
    # OpenWhisk's own images run what is sent; another one is had by its invokers.
    "docker_server": None,
    "docker_user": None,
    "docker_password": None,
    "docker_namespace": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWhiskOptions:
    """An OpenWhisk action that runs calls.

    Attributes:
        endpoint: the URL of the API's host.
        namespace: where; ``_`` for that of the key.
        api_key: two parts with a colon between them, as ``wsk property get --auth`` shows it.
        insecure: whether any certificate is believed.
        runtime: an image with OpenWhisk's Python proxy in it, or a kind such as ``python:3.12``
            that the deployment has; by default OpenWhisk's own image of this program's Python.
        runtime_memory: MB of the action.
        runtime_timeout: seconds that an activation may take; OpenWhisk's own limit is 300, unless
            its administrator gave another.
        worker_processes: calls of one invocation that run at a time, each in a process.
        package: the package of the actions.
        name: the action's name, instead of one that follows from these options.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        requirements: packages for the action, as pip takes them; pin their versions.
        architecture: of the invokers, ``x86_64`` or ``arm64``: for the requirements.
        concurrency: how many activations at a time at most.
        payload_bytes: what an activation takes, and gives back, as JSON.
        patience: seconds for which the service may be away before calls fail.
        vcpus: CPUs that an activation has; OpenWhisk gives them by shares of memory, so it is not
            known: without it, energy is not estimated.
        provider: whose machines the invokers are, for energy: see `ServiceSize`.
        region: where they are, as the provider names it.
    """

    endpoint: str
    namespace: str
    api_key: str = field(repr=False)
    insecure: bool = False
    runtime: str = f"openwhisk/action-python-v{PYTHON}"
    runtime_memory: int = 256
    runtime_timeout: int = 300
    worker_processes: int = 1
    package: str = "greenlithops"
    name: str | None = None
    env_vars: Any = ()
    requirements: Sequence[str] = ()
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    concurrency: int = 100
    payload_bytes: int = 1 << 20
    patience: float = 60.0
    vcpus: float | None = None
    provider: Literal["AWS", "Azure", "GCP", "Alibaba", "other"] = "other"
    region: str | None = None

    def __post_init__(self) -> None:
        within("openwhisk: runtime_memory", self.runtime_memory, (128, 1 << 20), "MB")
        within("openwhisk: worker_processes", self.worker_processes, (1, 64), "processes")
        within("openwhisk: runtime_timeout", self.runtime_timeout, (1, 86_400), "seconds")
        within("openwhisk: concurrency", self.concurrency, (1, 1_000_000), "activations")
        within("openwhisk: payload_bytes", self.payload_bytes, (1 << 14, 1 << 30), "bytes")
        if not self.endpoint.startswith(("https://", "http://")):
            raise ConfigurationError(
                f"openwhisk: endpoint is a URL, such as https://whisk.example.com, not "
                f"{self.endpoint!r}"
            )
        if self.api_key.count(":") != 1:
            raise ConfigurationError(
                "openwhisk: api_key has two parts with a colon between them, as "
                "'wsk property get --auth' shows it"
            )
        for name in ("package", "name"):
            value = getattr(self, name)
            if value is not None and not _NAME.fullmatch(value):
                raise ConfigurationError(
                    f"openwhisk: {name} has letters, digits, spaces and _ @ . - only, not {value!r}"
                )
        if self.architecture not in {"x86_64", "arm64"}:
            raise ConfigurationError(
                f"openwhisk: architecture is 'x86_64' or 'arm64', not {self.architecture!r}"
            )
        self.environment()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> OpenWhiskOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        return chosen(cls, "openwhisk", given, _OTHERS)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of calls."""
        return variables("openwhisk", self.env_vars)
