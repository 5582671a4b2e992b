"""What a function app that runs calls is like: one frozen value, with Lithops' names for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.compute.services import chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenlithops.backends.storage.azure.access import Credential

NAME = "azure_functions"
VERSION = "4"  #: of the service, the only one that there is for what Python is current
TIMEOUT = (1, 230)  #: seconds for which Azure's front end waits for a reply
#: seconds that an invocation may take for which nobody waits; Azure has no limit for ``flex``
LATER_TIMEOUT = {"flex": (1, 86_400), "consumption": (1, 600)}
QUEUE_SECONDS = (60, 604_800)
#: virtual CPUs by MB (learn.microsoft.com/azure/azure-functions/flex-consumption-plan)
FLEX = {512: 0.25, 2048: 1.0, 4096: 2.0}
CONSUMPTION = {1536: 1.0}  #: the only size of the older plan
_APP = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,58}[a-zA-Z0-9])?")
#: Lithops' names, and which of ours they are; None for those that are not needed
_OTHERS: Mapping[str, str | None] = {"location": "region", "trigger": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureFunctionsOptions:
    """A function app of Azure Functions that runs calls.

    Attributes:
        resource_group: where it belongs.
        region: where it runs.
        storage_account_name: the account that its code is kept in, and that the service needs.
        storage_account_key: the account's key.
        storage_endpoint: the URL of the account's Blob service; None for Azure's.
        subscription_id: the subscription; None for ``AZURE_SUBSCRIPTION_ID``, or the only one.
        plan: ``flex`` (Flex Consumption), or ``consumption`` for the older plan, whose code is
            run from a package at a URL.
        runtime: the app's whole name, instead of one that follows from these options; such a name
            must be free in all of Azure.
        runtime_memory: MB: of ``flex`` 512, 2048 or 4096, which also say how much CPU there is;
            of ``consumption`` 1536.
        runtime_timeout: seconds that an invocation may take.
        worker_processes: calls of one invocation that run at a time, each in a process.
        max_workers: instances at most.
        min_workers: instances that stay; of ``flex`` only.
        functions_version: of the service: 4.
        asynchronous: whether invocations go through a queue of the storage account, and replies
            through the executor's storage; for calls that take longer than the front end waits.
        queue_seconds: how long such an invocation may wait for its turn.
        queue_endpoint: the URL of the account's Queue service; None for Azure's.
        application_insights: the component of the resource group that keeps the logs.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        requirements: packages to bring, as wheels; pin their versions.
        namespace: a part of the app's name, to tell deployments apart.
        credential: of Azure's SDK for asyncio; None to look for one as Azure's tools do.
        endpoint: the control plane's URL; None for that of Azure's public cloud.
        patience: seconds for which the service may be away before calls fail.
    """

    resource_group: str
    region: str
    storage_account_name: str
    storage_account_key: str = field(repr=False)
    storage_endpoint: str | None = None
    subscription_id: str | None = None
    plan: Literal["flex", "consumption"] = "flex"
    runtime: str | None = None
    runtime_memory: int = 0
    runtime_timeout: int = 230
    worker_processes: int = 1
    max_workers: int = 1000
    min_workers: int = 0
    functions_version: Any = VERSION
    asynchronous: bool = False
    queue_seconds: int = 3600
    queue_endpoint: str | None = None
    application_insights: str | None = None
    env_vars: Any = ()
    requirements: Sequence[str] = ()
    namespace: str | None = None
    credential: Credential | None = field(default=None, repr=False)
    endpoint: str | None = None
    patience: float = 60.0

    def __post_init__(self) -> None:
        if self.plan not in {"flex", "consumption"}:
            raise ConfigurationError(f"{NAME}: plan is 'flex' or 'consumption', not {self.plan!r}")
        if self.runtime_memory not in {0, *self.sizes}:
            raise ConfigurationError(
                f"{NAME}: with the plan {self.plan!r}, runtime_memory is one of "
                f"{', '.join(map(str, self.sizes))} MB, not {self.runtime_memory!r}"
            )
        ends = LATER_TIMEOUT[self.plan] if self.asynchronous else TIMEOUT
        within(f"{NAME}: runtime_timeout", self.runtime_timeout, ends, "seconds")
        within(f"{NAME}: queue_seconds", self.queue_seconds, QUEUE_SECONDS, "seconds")
        if str(self.functions_version).lstrip("~") != VERSION:
            raise ConfigurationError(
                f"{NAME}: functions_version is {VERSION}, not {self.functions_version!r}"
            )
        if self.min_workers and self.plan != "flex":
            raise ConfigurationError(f"{NAME}: min_workers needs the plan 'flex'")
        for option, name in (("runtime", self.runtime), ("namespace", self.namespace)):
            if name is not None and not _APP.fullmatch(name):
                raise ConfigurationError(
                    f"{NAME}: {option} has letters, digits and - only, not {name!r}"
                )
        self.environment()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> AzureFunctionsOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        return chosen(cls, NAME, given, _OTHERS)

    @property
    def sizes(self) -> Mapping[int, float]:
        """The plan's virtual CPUs by MB."""
        return FLEX if self.plan == "flex" else CONSUMPTION

    @property
    def memory(self) -> int:
        """The MB of an instance."""
        return self.runtime_memory or (2048 if self.plan == "flex" else 1536)

    def environment(self) -> dict[str, str]:
        """Return the environment variables."""
        return variables(NAME, self.env_vars)
