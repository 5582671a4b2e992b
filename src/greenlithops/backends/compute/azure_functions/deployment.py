"""Function apps in Azure: made, brought up to date, listed and deleted by its control plane."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import aiohttp

from greenlithops.backends.compute.azure import READY_SECONDS, Azure, Packages
from greenlithops.backends.compute.azure_functions.bodies import (
    SETTINGS,
    TAG,
    files,
    plan,
    service_of,
    site,
)
from greenlithops.backends.compute.azure_functions.options import NAME, AzureFunctionsOptions
from greenlithops.backends.compute.azure_functions.queue import Queues, queue_name
from greenlithops.backends.compute.hosted import Service, late
from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.backends.compute.package import Package, package
from greenlithops.backends.compute.rest import becomes
from greenlithops.backends.compute.services import PYTHON, digest_of, with_files
from greenlithops.backends.http.proxies import proxy_url
from greenlithops.errors import ConfigurationError, ServiceRefused, ServiceUnavailable
from greenlithops.offload import off_loop
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

VERSION = "2025-05-01"  #: of the API
INSIGHTS_VERSION = "2020-02-02"
INSIGHTS = "https://api.applicationinsights.io"
PREFIX = "greenlithops-"
MOST_NAME = 60  #: characters of a name, which is that of a host, too
RUN_FROM = "WEBSITE_RUN_FROM_PACKAGE"
AGAIN_SECONDS = 30.0  #: within which a new key that is refused, too, is not asked for again


class AzureFunctionsDeployer:
    """Keeps one app in a resource group.

    Args:
        options: what it is like.
    """

    def __init__(self, options: AzureFunctionsOptions) -> None:
        self.options = options
        self.azure = Azure(
            NAME,
            options.resource_group,
            subscription=options.subscription_id,
            credential=options.credential,
            endpoint=options.endpoint,
        )
        account = (NAME, options.storage_account_name, options.storage_account_key)
        self._packages = Packages(*account, options.storage_endpoint, options.queue_endpoint)
        self.queues = Queues(*account, options.queue_endpoint)
        self._service = Service("", None)
        self._code = ""  #: what the app lets somebody in with
        self._asked = float("-inf")

    async def open(self) -> None:
        """Find the credentials."""
        await self.azure.open()

    async def close(self) -> None:
        """Close the connections."""
        self._code = ""
        await self.queues.close()
        await self.azure.close()

    async def ensure(self) -> Service:
        """Return the app that is wanted, made or brought up to date if need be."""
        code = await off_loop(package, tuple(self.options.requirements))
        digest = digest_of([code.digest, files(self.options)])
        name = app_name(self.options, self.azure.group, digest)
        found = await self.azure.settled(self._url(name), VERSION, f"the app {name}")
        settings = await self._settings(name) if found is not None else {}
        if found is not None and KEY_VARIABLE not in settings:
            raise ConfigurationError(
                f"{NAME}: the app {name} exists and is none of greenlithops: give another runtime "
                "name"
            )
        if self.options.asynchronous:
            await self.queues.make(name)
        key = settings.get(KEY_VARIABLE) or secrets.token_hex(32)
        wanted = await self._wanted(name, digest, key)
        tags = (found or {}).get("tags") or {}
        if tags.get(SETTINGS) != wanted["tags"][SETTINGS]:
            same = SETTINGS in tags and tags.get(TAG) == digest
            place = settings.get(RUN_FROM) if same else await self._upload(code, digest)
            found = await self._deploy(name, wanted, place, same=same)
            settings = await self._settings(name)
        assert found is not None  # noqa: S101 - it was made, otherwise
        self._service = self._described(found, settings)
        await self._answers()
        return self._service

    async def headers(self) -> Mapping[str, str]:
        """Return the function key."""
        if not self._code:
            keys = await self.azure.rest.ask(
                "POST",
                f"{self._url(self._service.name)}/host/default/listkeys",
                None,
                {"api-version": VERSION},
            )
            self._code = (keys.get("functionKeys") or {}).get("default") or keys["masterKey"]
            self._asked = time.monotonic()
        return {"x-functions-key": self._code}

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what a status other than 200 means."""
        if status == 401 and time.monotonic() - self._asked > AGAIN_SECONDS:  # noqa: PLR2004 - unauthorized
            self._code = ""
            return ServiceUnavailable(f"HTTP 401 from {text}: the function key is another by now")
        if status == 504:  # noqa: PLR2004 - the front end has waited for long enough
            return late(self._service.name, self.options.runtime_timeout)
        return refusal(status, headers, text)

    async def services(self) -> AsyncIterator[Service]:
        """Give the apps of greenlithops in the resource group."""
        async for one in self.azure.all(self.azure.url("Microsoft.Web/sites"), VERSION):
            if TAG in (one.get("tags") or {}):
                yield self._described(one, await self._settings(one["name"]))

    async def delete(self, name: str) -> None:
        """Delete an app and its plan; a missing one is fine. Its code stays in the storage."""
        version = {"api-version": VERSION}
        await self.azure.rest.delete(self._url(name), version | {"deleteEmptyServerFarm": "false"})
        await self.azure.rest.delete(self._plan(name), version)
        if self.options.asynchronous:
            await self.queues.delete(name)

    async def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that an app has logged."""
        component = await self._component()
        if component is None:
            raise ServiceRefused(
                f"{NAME}: without application_insights, Azure keeps no logs of the app {name}"
            )
        text = (
            f"traces | where cloud_RoleName =~ '{name}' | where timestamp > ago({seconds:.0f}s) "
            "| order by timestamp asc | project message"
        )
        place = f"{self._monitor}/v1/apps/{component['AppId']}/query"
        async for line in self.azure.query(place, f"{INSIGHTS}/.default", text):
            yield line

    # How it is made.

    @property
    def _monitor(self) -> str:
        return INSIGHTS if self.options.endpoint is None else self.azure.endpoint

    def _url(self, name: str) -> str:
        return self.azure.url(f"Microsoft.Web/sites/{name}")

    def _plan(self, name: str) -> str:
        return self.azure.url(f"Microsoft.Web/serverfarms/{name}")

    async def _wanted(self, name: str, digest: str, key: str) -> dict[str, Any]:
        component = await self._component()
        return site(
            self.options,
            plan_id=self._plan(name).removeprefix(self.azure.endpoint),
            digest=digest,
            key=key,
            storage=self._packages.connection,
            container=f"{self._packages.blobs}/{name.lower()}",
            insights=None if component is None else component["ConnectionString"],
            queue=queue_name(name),
        )

    async def _deploy(
        self, name: str, wanted: dict[str, Any], place: str | None, *, same: bool
    ) -> dict[str, Any]:
        """Make an app as it is wanted.

        The tag of its settings comes last, so that what was left half done is done again.

        Args:
            name: the app's.
            wanted: what it is like.
            place: the URL of its code.
            same: whether it has this code.
        """
        rest, version, url = self.azure.rest, {"api-version": VERSION}, self._url(name)
        flex, done = self.options.plan == "flex", {SETTINGS: wanted["tags"].pop(SETTINGS)}
        if flex:
            await self._packages.make_container(name.lower())
        else:
            config = wanted["properties"]["siteConfig"]
            config["appSettings"].append({"name": RUN_FROM, "value": place})
        await rest.ask("PUT", self._plan(name), plan(self.options), version)
        await self.azure.ready(self._plan(name), VERSION, f"the plan {name}")
        await rest.ask("PUT", url, wanted, version)
        found = await self.azure.ready(url, VERSION, f"the app {name}")
        if flex and not same:
            content = {"properties": {"packageUri": place, "remoteBuild": False}}
            await rest.ask("PUT", f"{url}/extensions/onedeploy", content, version)
        await self.azure.tag(url, done)
        return found

    async def _upload(self, code: Package, digest: str) -> str:
        archive = await off_loop(lambda: with_files(code.archive(), files(self.options)))
        return await self._packages.put(f"{digest}.zip", archive)

    def _described(self, found: dict[str, Any], settings: Mapping[str, str]) -> Service:
        scheme = self.azure.endpoint.partition("://")[0]  # apps speak as the control plane does
        return service_of(found, settings, scheme)

    async def _settings(self, name: str) -> dict[str, str]:
        url = f"{self._url(name)}/config/appsettings/list"
        found = await self.azure.rest.ask("POST", url, None, {"api-version": VERSION})
        settings: dict[str, str] = found.get("properties") or {}
        return settings

    async def _component(self) -> dict[str, Any] | None:
        name = self.options.application_insights
        if name is None:
            return None
        url = self.azure.url(f"Microsoft.Insights/components/{name}")
        found = await self.azure.rest.ask("GET", url, None, {"api-version": INSIGHTS_VERSION})
        properties: dict[str, Any] = found["properties"]
        return properties

    async def _answers(self) -> None:
        """Return when the app runs our code, which takes a while after it is there."""

        async def look() -> bool | None:
            assert self.azure.rest.session is not None  # noqa: S101 - it is open
            try:
                headers = await self.headers()
            except ServiceRefused:  # as long as the app's own host does not run
                return None
            url, get = self._service.url or "", self.azure.rest.session.get
            try:
                async with get(url, headers=dict(headers), proxy=proxy_url(url)) as response:
                    return True if response.status == 200 else None  # noqa: PLR2004 - HTTP's OK
            except aiohttp.ClientError:  # as long as its host has no address
                return None

        await becomes(look, f"{NAME}: the app {self._service.name}", READY_SECONDS)


def app_name(options: AzureFunctionsOptions, group: str, digest: str) -> str:
    """Return the name of the app that has these options and this code.

    It is in no other resource group, since the names of all apps of Azure are in one list.
    """
    if options.runtime is not None:
        return options.runtime
    space = f"{options.namespace}-" if options.namespace else ""
    python = PYTHON.replace(".", "")
    whole = digest_of([group, digest, options.plan])
    name = f"{PREFIX}{space}py{python}-{options.memory}-{whole}"
    if len(name) > MOST_NAME:
        raise ConfigurationError(f"{NAME}: namespace is too long: {options.namespace!r}")
    return name
