"""Azure's control plane: who asks, in which subscription, resources that become ready, logs."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ClientAuthenticationError

from greenlithops.backends.compute.rest import Rest, becomes
from greenlithops.backends.storage.azure import AzureStorage
from greenlithops.errors import (
    BackendNotFound,
    ConfigurationError,
    ServiceRefused,
    ServiceUnavailable,
    StorageError,
)
from greenlithops.objects import PutOptions
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from greenlithops.backends.storage.azure.access import AccessToken, Credential

ENDPOINT = "https://management.azure.com"
SUBSCRIPTIONS, TAGS = "2022-12-01", "2025-04-01"  #: versions of what lists and adds them
READY_SECONDS = 900.0
EARLY = 300.0  #: seconds before its end in which a token is not used any more
PACKAGES = "greenlithops-packages"  #: the container of code
VALID_SECONDS = 10 * 365 * 86_400.0  #: of a URL of code: services start from it as long as they are
_FAILED = {"Failed", "Canceled"}
_DONE = {"Succeeded", None}


class Azure:
    """A resource group in Azure.

    Args:
        backend: the backend's name, for errors.
        resource_group: the group.
        subscription: its subscription; None for the only one that the credentials see.
        credential: of the SDK for asyncio; None to look for one as Azure's tools do.
        endpoint: the control plane's URL; None for that of Azure's public cloud.
    """

    def __init__(
        self,
        backend: str,
        resource_group: str,
        *,
        subscription: str | None,
        credential: Credential | None,
        endpoint: str | None,
    ) -> None:
        self.backend = backend
        self.subscription = subscription or os.environ.get("AZURE_SUBSCRIPTION_ID", "")
        self.resource_group = resource_group
        self.endpoint = (endpoint or ENDPOINT).rstrip("/")
        self.rest = Rest(f"{backend}: Azure", self._authorize)
        self._credential = credential
        self._tokens: dict[str, AccessToken] = {}
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Find the credentials and the subscription."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.rest.close)
            await self.rest.open()
            if self._credential is None:
                found = await off_loop(_usual_credential, self.backend)
                self._credential = found
                stack.push_async_callback(self._forget)
                stack.push_async_callback(found.close)
            if not self.subscription:
                self.subscription = await self._only_subscription()
            self._open = stack.pop_all()

    async def close(self) -> None:
        """Close the connections, and forget the tokens."""
        self._tokens.clear()
        await self._open.aclose()

    async def _forget(self) -> None:
        self._credential = None

    @property
    def group(self) -> str:
        """The resource group's id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"

    def url(self, path: str) -> str:
        """Return the URL of a resource of the group, such as ``Microsoft.Web/sites/a``."""
        return f"{self.endpoint}{self.group}/providers/{path}"

    async def ready(self, url: str, version: str, what: str) -> dict[str, Any]:
        """Return a resource when nothing happens with it any more.

        Raises:
            ServiceRefused: it is not there, or could not be made.
            ServiceUnavailable: it takes too long.
        """
        found = await self.settled(url, version, what)
        if found is None:
            raise ServiceRefused(f"{self.backend}: {what} was deleted while it was made")
        if state(found) in _FAILED:
            raise ServiceRefused(f"{self.backend}: {what} could not be made: {_problem(found)}")
        return found

    async def settled(self, url: str, version: str, what: str) -> dict[str, Any] | None:
        """Return a resource with which nothing happens just now, or None if there is none."""

        async def look() -> tuple[dict[str, Any] | None] | None:
            found = await self.rest.find(url, {"api-version": version})
            busy = found is not None and state(found) not in _DONE | _FAILED
            return None if busy else (found,)

        return (await becomes(look, f"{self.backend}: {what}", READY_SECONDS))[0]

    async def tag(self, url: str, tags: Mapping[str, str]) -> None:
        """Add tags to a resource."""
        content = {"operation": "Merge", "properties": {"tags": dict(tags)}}
        place = f"{url}/providers/Microsoft.Resources/tags/default"
        await self.rest.ask("PATCH", place, content, {"api-version": TAGS})

    async def all(self, url: str, version: str) -> AsyncIterator[dict[str, Any]]:
        """Give the resources of a list, page by page."""
        place, query = url, {"api-version": version}
        while place:
            page = await self.rest.ask("GET", place, None, query)
            for one in page.get("value", ()):
                yield one
            place, query = page.get("nextLink") or "", {}

    async def query(self, url: str, scope: str, text: str) -> AsyncIterator[str]:
        """Give the first column of what a query of Azure Monitor finds."""
        asker = Rest(f"{self.backend}: Azure Monitor", lambda *_: self._bearer(scope))
        await asker.open()
        try:
            found = await asker.ask("POST", url, {"query": text})
        finally:
            await asker.close()
        for table in found.get("tables", ())[:1]:
            for row in table["rows"]:
                yield str(row[0]).rstrip("\n")

    # Who asks.

    async def _authorize(self, method: str, url: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002 - as a signature would need it
        return await self._bearer(f"{ENDPOINT}/.default")

    async def _bearer(self, scope: str) -> Mapping[str, str]:
        token = self._tokens.get(scope)
        if token is None or token.expires_on - EARLY < time.time():
            assert self._credential is not None  # noqa: S101 - it is open
            try:
                token = self._tokens[scope] = await self._credential.get_token(scope)
            except ClientAuthenticationError as error:
                raise ServiceRefused(
                    f"{self.backend}: Azure gives no token: {error.message}"
                ) from error
            except AzureError as error:
                raise ServiceUnavailable(
                    f"{self.backend}: Azure gives no token: {error.message}"
                ) from error
        return {"Authorization": f"Bearer {token.token}"}

    async def _only_subscription(self) -> str:
        found = [one async for one in self.all(f"{self.endpoint}/subscriptions", SUBSCRIPTIONS)]
        if len(found) != 1:
            names = ", ".join(f"{one['subscriptionId']} ({one['displayName']})" for one in found)
            raise ConfigurationError(
                f"{self.backend}: give subscription_id: the credentials see {names or 'none'}"
            )
        return str(found[0]["subscriptionId"])


def state(found: Mapping[str, Any]) -> str | None:
    """Return how far a resource is; None if it does not say."""
    value = (found.get("properties") or {}).get("provisioningState")
    return None if value is None else str(value)


def _problem(found: Mapping[str, Any]) -> str:
    properties = found.get("properties") or {}
    said = [properties.get(name) for name in ("provisioningState", "deploymentErrors", "error")]
    return ": ".join(str(one) for one in said if one)


def _usual_credential(backend: str) -> Any:
    try:
        # The import reads files, as does what it makes.
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise BackendNotFound(
            f"the backend {backend!r} needs {error.name}: pip install 'greenlithops[azure]'"
        ) from error
    return DefaultAzureCredential()


class Packages:
    """Code in a storage account, from which Azure starts services.

    Args:
        backend: the backend's name, for errors.
        account: the storage account's name.
        key: its key.
        endpoint: the URL of its Blob service; None for that of Azure's public cloud.
        queues: the URL of its Queue service; None likewise.
    """

    def __init__(
        self,
        backend: str,
        account: str,
        key: str,
        endpoint: str | None,
        queues: str | None = None,
    ) -> None:
        self._backend = backend
        self._storage = AzureStorage(account=account, key=key, endpoint=endpoint)
        self.blobs = (endpoint or f"https://{account}.blob.core.windows.net").rstrip("/")
        blob = f"BlobEndpoint={endpoint}" if endpoint else "EndpointSuffix=core.windows.net"
        queue = f";QueueEndpoint={queues}" if queues else ""
        self.connection = (
            f"DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};{blob}{queue}"
        )

    async def put(self, name: str, archive: bytes) -> str:
        """Put code into the account, and return a URL that is good for as long as it is needed."""
        try:
            async with self._storage as storage:
                await storage.create_bucket(PACKAGES)
                await storage.put(PACKAGES, name, archive, PutOptions())
                return await storage.presign("GET", PACKAGES, name, VALID_SECONDS)
        except StorageError as error:
            raise ServiceRefused(
                f"{self._backend}: the code could not be put into the storage account: {error}"
            ) from error

    async def make_container(self, name: str) -> None:
        """Make a container if it is not there."""
        try:
            async with self._storage as storage:
                await storage.create_bucket(name)
        except StorageError as error:
            raise ServiceRefused(
                f"{self._backend}: the container {name} could not be made: {error}"
            ) from error
