"""Container apps in Azure: made, brought up to date, listed and deleted by its control plane."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.azure import Azure, Packages
from greenlithops.backends.compute.azure_containers.bodies import (
    BOOTSTRAP,
    KEY_SECRET,
    SETTINGS,
    TAG,
    URL_SECRET,
    Code,
    app,
    environment,
    service_of,
)
from greenlithops.backends.compute.azure_containers.options import NAME, ContainersOptions
from greenlithops.backends.compute.hosted import Service, late
from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.backends.compute.package import package
from greenlithops.backends.compute.services import PYTHON, SERVER, digest_of
from greenlithops.errors import ConfigurationError, ServiceRefused, WorkerLost
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

VERSION = "2026-07-01"  #: of the API
WORKSPACES = "2025-07-01"  #: of that of workspaces
MONITOR = "https://api.loganalytics.io"
PREFIX = "glo-"
MOST_NAME = 32  #: characters of a name
_CUT = "disconnect/reset before headers"  #: of a connection to a replica, as Azure's front end says


class ContainersDeployer:
    """Keeps one container app in a resource group.

    Args:
        options: what it is like.
    """

    def __init__(self, options: ContainersOptions) -> None:
        self.options = options
        self.azure = Azure(
            NAME,
            options.resource_group,
            subscription=options.subscription_id,
            credential=options.credential,
            endpoint=options.endpoint,
        )
        self._service = Service("", None)

    async def open(self) -> None:
        """Find the credentials."""
        await self.azure.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.azure.close()

    async def ensure(self) -> Service:
        """Return the app that is wanted, made or brought up to date if need be."""
        options = self.options
        digest, archive = await self._code()
        name = app_name(options, digest)
        found = await self.azure.settled(self._url(name), VERSION, f"the app {name}")
        held = await self._secrets(name) if found is not None else {}
        if found is not None and KEY_SECRET not in held:
            raise ConfigurationError(
                f"{NAME}: the app {name} exists and is none of greenlithops: delete it, or give "
                "another namespace"
            )
        key = held.get(KEY_SECRET) or secrets.token_hex(32)
        code = None
        if archive is not None:
            sha256 = (await off_loop(hashlib.sha256, archive)).hexdigest()
            code = Code(digest, sha256, held.get(URL_SECRET, ""))
        wanted = app(options, self._environment(), key, code)
        tags = (found or {}).get("tags") or {}
        if tags.get(SETTINGS) != wanted["tags"][SETTINGS] or not _succeeded(found):
            await self._ensure_environment()
            if code is not None and archive is not None and not code.url:
                code = code._replace(url=await self._packages().put(f"{digest}.zip", archive))
            content = app(options, self._environment(), key, code)
            url = self._url(name)
            await self.azure.rest.ask("PUT", url, content, {"api-version": VERSION})
            found = await self.azure.ready(url, VERSION, f"the app {name}")
        assert found is not None  # noqa: S101 - it was made, otherwise
        self._service = self._described(found, {KEY_SECRET: key})
        return self._service

    async def headers(self) -> Mapping[str, str]:
        """Return nothing: what is invoked makes sure of messages itself."""
        return {}

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what a status other than 200 means."""
        if status == 504:  # noqa: PLR2004 - the front end has waited for long enough
            return late(self._service.name, self.options.runtime_timeout)
        if status == 503 and _CUT in text and "connection termination" in text:  # noqa: PLR2004 - as above
            return WorkerLost(f"HTTP 503 from {text}: the replica ended, or used all its memory")
        return refusal(status, headers, text)

    async def services(self) -> AsyncIterator[Service]:
        """Give the apps of greenlithops in the resource group."""
        async for one in self.azure.all(self.azure.url("Microsoft.App/containerApps"), VERSION):
            if TAG in (one.get("tags") or {}):
                yield self._described(one, await self._secrets(one["name"]))

    async def delete(self, name: str) -> None:
        """Delete an app; a missing one is fine. Its environment and its code stay."""
        await self.azure.rest.delete(self._url(name), {"api-version": VERSION})
        await self.azure.settled(self._url(name), VERSION, f"the end of the app {name}")

    async def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that an app has logged."""
        place = f"{self.azure.endpoint}{self._environment()}"
        found = await self.azure.rest.ask("GET", place, None, {"api-version": VERSION})
        logs = (found.get("properties") or {}).get("appLogsConfiguration") or {}
        customer = (logs.get("logAnalyticsConfiguration") or {}).get("customerId")
        if not customer:
            raise ServiceRefused(
                f"{NAME}: the environment keeps no logs in a workspace: make it with "
                "log_analytics_workspace"
            )
        text = (
            f"ContainerAppConsoleLogs_CL | where ContainerAppName_s == '{name}' "
            f"| where TimeGenerated > ago({seconds:.0f}s) | order by TimeGenerated asc "
            "| project Log_s"
        )
        base = MONITOR if self.options.endpoint is None else self.azure.endpoint
        scope = f"{MONITOR}/.default"
        async for line in self.azure.query(f"{base}/v1/workspaces/{customer}/query", scope, text):
            yield line

    # How it is made.

    def _url(self, name: str) -> str:
        return self.azure.url(f"Microsoft.App/containerApps/{name}")

    def _environment(self) -> str:
        """Return the id of the environment."""
        own = f"/providers/Microsoft.App/managedEnvironments/{self.options.environment}"
        return self.options.environment_id or f"{self.azure.group}{own}"

    async def _code(self) -> tuple[str, bytes | None]:
        """Return the digest of the code, and the code; None where the image has it."""
        options = self.options
        if options.runtime is not None:
            return digest_of(options.runtime), None
        code = await off_loop(package, (*SERVER, *options.requirements))
        return digest_of([code.digest, BOOTSTRAP]), await off_loop(code.archive)

    def _packages(self) -> Packages:
        options = self.options
        return Packages(
            NAME,
            options.storage_account_name or "",
            options.storage_account_key or "",
            options.storage_endpoint,
        )

    async def _secrets(self, name: str) -> dict[str, str]:
        url = f"{self._url(name)}/listSecrets"
        found = await self.azure.rest.ask("POST", url, None, {"api-version": VERSION})
        return {one["name"]: one.get("value", "") for one in found.get("value", ())}

    async def _ensure_environment(self) -> None:
        url = f"{self.azure.endpoint}{self._environment()}"
        what = f"the environment {self._environment().rpartition('/')[2]}"
        if await self.azure.settled(url, VERSION, what) is None:
            if self.options.environment_id is not None:
                raise ConfigurationError(f"{NAME}: there is no {self.options.environment_id}")
            content = environment(self.options, await self._workspace())
            await self.azure.rest.ask("PUT", url, content, {"api-version": VERSION})
        await self.azure.ready(url, VERSION, what)

    async def _workspace(self) -> dict[str, str] | None:
        name = self.options.log_analytics_workspace
        if name is None:
            return None
        url = self.azure.url(f"Microsoft.OperationalInsights/workspaces/{name}")
        version = {"api-version": WORKSPACES}
        found = await self.azure.rest.ask("GET", url, None, version)
        keys = await self.azure.rest.ask("POST", f"{url}/sharedKeys", None, version)
        return {
            "customerId": found["properties"]["customerId"],
            "sharedKey": keys["primarySharedKey"],
        }

    def _described(self, found: dict[str, Any], held: Mapping[str, str]) -> Service:
        scheme = self.azure.endpoint.partition("://")[0]  # apps speak as the control plane does
        return service_of(found, held, scheme)


def app_name(options: ContainersOptions, digest: str) -> str:
    """Return the name of the app that has these options and this code."""
    space = f"{options.namespace}-" if options.namespace else ""
    name = f"{PREFIX}{space}py{PYTHON.replace('.', '')}-{options.runtime_memory}-{digest}"
    if len(name) > MOST_NAME:
        raise ConfigurationError(f"{NAME}: namespace is too long: {options.namespace!r}")
    return name


def _succeeded(found: Mapping[str, Any] | None) -> bool:
    return ((found or {}).get("properties") or {}).get("provisioningState") == "Succeeded"
