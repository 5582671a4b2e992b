"""Keeps one function or service in a project of Google's: what both have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from greenlithops.backends.compute.google import OPERATION_SECONDS, Google
from greenlithops.backends.compute.hosted import Service
from greenlithops.backends.compute.rest import becomes
from greenlithops.errors import ConfigurationError, ServiceRefused
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


class Options(Protocol):
    """Where a function or a service is."""

    @property
    def region(self) -> str: ...  # noqa: D102 - as in the options themselves
    @property
    def project_name(self) -> str | None: ...  # noqa: D102 - as above
    @property
    def credentials_path(self) -> str | None: ...  # noqa: D102 - as above
    @property
    def service_account(self) -> str | None: ...  # noqa: D102 - as above
    @property
    def endpoint(self) -> str | None: ...  # noqa: D102 - as above
    @property
    def runtime_timeout(self) -> int: ...  # noqa: D102 - as above


class Kind(Protocol):
    """What is kept: functions, or services."""

    backend: str  #: the backend's name, for errors
    api: str  #: whose resources they are, with the version, such as ``run/v2``
    collection: str  #: such as ``services``
    parameter: str  #: that names a new one
    noun: str  #: what one is, in errors

    def busy(self, found: Mapping[str, Any]) -> bool:
        """Return whether something happens with it just now."""
        ...

    def problem(self, found: Mapping[str, Any]) -> str | None:
        """Return why it is not ready; None if it is."""
        ...

    def ours(self, found: Mapping[str, Any]) -> bool:
        """Return whether it is one of greenlithops."""
        ...

    def described(self, found: Mapping[str, Any]) -> Service:
        """Return it as Google describes it."""
        ...

    async def bring(self, resources: Resources) -> dict[str, Any]:
        """Return the one that is wanted, made or brought up to date if need be."""
        ...


class Resources:
    """The functions, or the services, of a project.

    Args:
        google: the project.
        kind: what they are.
    """

    def __init__(self, google: Google, kind: Kind) -> None:
        self.google = google
        self._kind = kind

    def url(self, name: str = "") -> str:
        """Return the URL of one, or of all."""
        api, _, version = self._kind.api.partition("/")
        path = f"{version}/{self.google.parent}/{self._kind.collection}"
        return self.google.url(api, f"{path}/{name}" if name else path)

    async def settled(self, name: str) -> dict[str, Any] | None:
        """Return one with which nothing happens just now; None if there is none."""

        async def look() -> tuple[dict[str, Any] | None] | None:
            found = await self.google.rest.find(self.url(name))
            return None if found is not None and self._kind.busy(found) else (found,)

        return (await becomes(look, self._called(name), OPERATION_SECONDS))[0]

    async def create(self, name: str, content: dict[str, Any]) -> dict[str, Any]:
        """Return a new one, or that which somebody else has made meanwhile."""
        query = {self._kind.parameter: name}
        asked = await self.google.rest.create(self.url(), content, query)
        if asked is not None:
            await self.google.done(self._kind.api, asked, f"make the {self._kind.noun} {name}")
        return await self._ready(name)

    async def update(
        self, name: str, content: dict[str, Any], query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return one with other content."""
        asked = await self.google.rest.ask("PATCH", self.url(name), content, query)
        await self.google.done(self._kind.api, asked, f"update the {self._kind.noun} {name}")
        return await self._ready(name)

    async def delete(self, name: str) -> None:
        """Delete one; a missing one is fine."""
        asked = await self.google.rest.delete(self.url(name))
        if asked is not None:
            await self.google.done(self._kind.api, asked, f"delete the {self._kind.noun} {name}")

    async def all(self) -> AsyncIterator[dict[str, Any]]:
        """Give all of the region."""
        query = {"pageSize": "1000"}
        while True:
            page = await self.google.rest.ask("GET", self.url(), None, query)
            for one in page.get(self._kind.collection, ()):
                yield one
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    def key(self, name: str, variables: Mapping[str, str]) -> str:
        """Return the deployment's key from the environment of one that is there.

        Raises:
            ConfigurationError: it is none of greenlithops.
        """
        if KEY_VARIABLE not in variables:
            raise ConfigurationError(
                f"{self._called(name)} exists and is none of greenlithops: delete it, or give "
                "another name or namespace"
            )
        return variables[KEY_VARIABLE]

    def _called(self, name: str) -> str:
        return f"{self._kind.backend}: the {self._kind.noun} {name}"

    async def _ready(self, name: str) -> dict[str, Any]:
        found = await self.settled(name)
        if found is None:
            raise ServiceRefused(f"{self._called(name)} was deleted while it was made")
        if problem := self._kind.problem(found):
            raise ServiceRefused(f"{self._called(name)} is not ready: {problem}")
        return found


class GoogleDeployer:
    """Keeps one function or service in a project.

    Args:
        kind: knows what it is like.
        options: where it is.
    """

    def __init__(self, kind: Kind, options: Options) -> None:
        self.google = Google(
            kind.backend,
            options.region,
            project=options.project_name,
            credentials=options.credentials_path,
            service_account=options.service_account,
            endpoint=options.endpoint,
        )
        self._kind = kind
        self._resources = Resources(self.google, kind)
        self._seconds = options.runtime_timeout
        self._service = Service("", None)

    async def open(self) -> None:
        """Find the credentials."""
        await self.google.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.google.close()

    async def ensure(self) -> Service:
        """Return the one that is wanted, made or brought up to date if need be."""
        self._service = self._kind.described(await self._kind.bring(self._resources))
        return self._service

    async def headers(self) -> Mapping[str, str]:
        """Return an identity token for it."""
        return await self.google.identity(self._service.url or "")

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what a status other than 200 means."""
        name, seconds = self._service.name, self._seconds
        return self.google.meaning(status, headers, text, name=name, seconds=seconds)

    async def services(self) -> AsyncIterator[Service]:
        """Give those of greenlithops in the region."""
        async for one in self._resources.all():
            if self._kind.ours(one):
                yield self._kind.described(one)

    async def delete(self, name: str) -> None:
        """Delete one; a missing one is fine."""
        await self._resources.delete(name)

    def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that one has logged."""
        return self.google.logs(name, seconds)
