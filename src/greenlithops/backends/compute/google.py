"""Google's control planes: who asks, in which project, long-running operations, and logs."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp

from greenlithops.backends.compute.hosted import late
from greenlithops.backends.compute.http.refusals import refusal, seconds_to_wait
from greenlithops.backends.compute.rest import Rest, becomes
from greenlithops.backends.storage.gcs.access import Access
from greenlithops.errors import (
    AccessDenied,
    BackendNotFound,
    ConfigurationError,
    ServiceRefused,
    ServiceUnavailable,
    StorageUnavailable,
    Throttled,
    WorkerLost,
)
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
OPERATION_SECONDS = 900.0  #: for a build, or a service to become ready
IDENTITY_SECONDS = 3600.0  #: that an identity token is good for, if it does not say
USED = 0.9  #: the share of its time for which a token is used
AGAIN_SECONDS = 30.0  #: within which a new token that is refused, too, is not asked for again
_EMAIL = re.compile(r"serviceAccounts/([^:/]+):")
_BUSY = "no available instance"


class Google:
    """A project of Google's cloud, in one region.

    Args:
        backend: the backend's name, for errors.
        region: where.
        project: the project; None for that of the credentials.
        credentials: the file of a service account; None to look for credentials as Google's tools
            do.
        service_account: whom to be towards services, if the credentials are a person's.
        endpoint: a URL with ``{api}`` where an API's name belongs, such as that of a private
            endpoint; None for Google's own.
    """

    def __init__(
        self,
        backend: str,
        region: str,
        *,
        project: str | None,
        credentials: str | None,
        service_account: str | None,
        endpoint: str | None,
    ) -> None:
        self.backend = backend
        self.region = region
        self.project = project or ""
        self.rest = Rest(f"{backend}: Google", self._authorize)
        self._credentials = credentials
        self._access = Access(credentials, anonymous=False, scopes=SCOPES)
        self._service_account = service_account
        self._endpoint = endpoint
        self._identity = ""
        self._until = 0.0  #: of the identity token, on the monotonic clock
        self._renewed = float("-inf")
        self._renewing = asyncio.Lock()

    async def open(self) -> None:
        """Find the credentials and the project."""
        await self.rest.open()
        assert self.rest.session is not None  # noqa: S101 - it is open
        try:
            await self._access.open(self.rest.session)
        except ModuleNotFoundError as error:
            raise BackendNotFound(
                f"the backend {self.backend!r} needs {error.name}: pip install 'greenlithops[gcp]'"
            ) from error
        if not self.project:
            self.project = await self._access.project() or ""
        if not self.project:
            raise ConfigurationError(
                f"{self.backend}: the credentials do not say which project: give project_name"
            )

    async def close(self) -> None:
        """Close the connections, and forget the tokens."""
        self._identity = ""
        await self._access.close()
        await self.rest.close()

    def url(self, api: str, path: str) -> str:
        """Return the URL of something in one of the APIs, such as ``run``."""
        if self._endpoint is not None:
            base = self._endpoint.replace("{api}", api)
        elif api == "run":  # its services are kept where they run
            base = f"https://{self.region}-run.googleapis.com"
        else:
            base = f"https://{api}.googleapis.com"
        return f"{base}/{path}"

    @property
    def parent(self) -> str:
        """The project and the region, as names of resources have them."""
        return f"projects/{self.project}/locations/{self.region}"

    async def _authorize(self, method: str, url: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002 - as a signature would need it
        try:
            return await self._access.headers()
        except AccessDenied as error:
            raise ServiceRefused(f"{self.backend}: {error}") from error
        except StorageUnavailable as error:
            raise ServiceUnavailable(f"{self.backend}: {error}") from error

    # Who invokes.

    async def identity(self, audience: str) -> Mapping[str, str]:
        """Return the headers that prove to a service who invokes it."""
        if time.monotonic() > self._until or not self._identity:
            async with self._renewing:
                if time.monotonic() > self._until or not self._identity:
                    self._identity = await self._new_identity(audience)
                    self._until = time.monotonic() + _seconds_left(self._identity) * USED
                    self._renewed = time.monotonic()
        return {"Authorization": f"Bearer {self._identity}"}

    async def _new_identity(self, audience: str) -> str:
        token = self._access.token
        assert token is not None  # noqa: S101 - it is open, and never anonymous
        if token.token_type.value in {"service_account", "gce_metadata"}:
            return await self._own_identity(audience)
        account = self._service_account or _impersonated(token.service_data)
        if account is None:
            raise ConfigurationError(
                f"{self.backend}: these credentials are a person's, and a service wants to know "
                "an account: give service_account, as which you may act, or credentials_path"
            )
        path = f"v1/projects/-/serviceAccounts/{quote(account)}:generateIdToken"
        content = {"audience": audience, "includeEmail": True}
        found = await self.rest.ask("POST", self.url("iamcredentials", path), content)
        return str(found["token"])

    async def _own_identity(self, audience: str) -> str:
        from gcloud.aio.auth import IapToken  # noqa: PLC0415 - loaded by `open`

        class Identity(IapToken):
            async def _get_iap_client_id(self, *, timeout: int) -> str:  # noqa: ARG002, ASYNC109 - as the one it overrides
                return audience  # that of Cloud Run is the service's URL

        loop = asyncio.get_running_loop()

        def make() -> Identity:
            asyncio.set_event_loop(loop)  # gcloud-aio wraps the session, and asks for the loop
            try:
                # Its types are those of its synchronous twin, which has other sessions.
                return Identity(audience, self._credentials, self.rest.session)  # type: ignore[arg-type]
            finally:
                asyncio.set_event_loop(None)

        try:
            return (await (await off_loop(make)).refresh(timeout=10)).value
        except aiohttp.ClientResponseError as error:
            raise ServiceRefused(
                f"{self.backend}: Google gives no identity token: {error.message}"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ServiceUnavailable(
                f"{self.backend}: Google gives no identity token: {error}"
            ) from error

    def meaning(
        self, status: int, headers: Mapping[str, Any], text: str, *, name: str, seconds: float
    ) -> Exception:
        """Return what a status of a service on Cloud Run means, as Google documents them.

        Args:
            status: other than 200.
            headers: of the reply.
            text: the URL, and what was replied.
            name: the service's.
            seconds: what an invocation may take.
        """
        said = f"HTTP {status} from {text}"
        if status == 401 and time.monotonic() - self._renewed > AGAIN_SECONDS:  # noqa: PLR2004 - unauthorized
            self._identity = ""
            return ServiceUnavailable(f"{said}: the identity token is not good any more")
        if status in {401, 403}:
            return ServiceRefused(f"{said}: whoever invokes it needs the role run.invoker")
        wait = seconds_to_wait(headers.get("Retry-After"))
        if status == 429 or (status == 500 and _BUSY in text):  # noqa: PLR2004 - all instances are in use
            return Throttled(said, retry_after=wait)
        if status == 503 and wait is None and _BUSY not in text:  # noqa: PLR2004 - an instance did not answer
            return WorkerLost(f"{said}: the instance ended, or used all its memory")
        if status == 504:  # noqa: PLR2004 - the service's time is over
            return late(name, seconds)
        return refusal(status, headers, text)

    # What takes long.

    async def done(self, api: str, operation: dict[str, Any], what: str) -> dict[str, Any]:
        """Return the response of an operation when it is done.

        Args:
            api: whose operation it is, with the version, such as ``run/v2``.
            operation: what the API answered.
            what: what it does, in errors.

        Raises:
            ServiceRefused: it failed; the text says why.
            ServiceUnavailable: it takes too long.
        """
        name, _, version = api.partition("/")
        url = self.url(name, f"{version}/{operation['name']}")

        async def look() -> dict[str, Any] | None:
            found = await self.rest.ask("GET", url)
            return found if found.get("done") else None

        found = operation
        if not operation.get("done"):
            found = await becomes(
                look, f"{self.backend}: Google, asked to {what},", OPERATION_SECONDS
            )
        if error := found.get("error"):
            raise ServiceRefused(
                f"{self.backend}: Google could not {what}: {error.get('message') or error}"
            )
        response: dict[str, Any] = found.get("response") or {}
        return response

    async def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that a service on Cloud Run has logged, oldest first."""
        since = datetime.now(UTC) - timedelta(seconds=seconds)
        parts = [
            'resource.type="cloud_run_revision"',
            f'resource.labels.service_name="{name}"',
            f'resource.labels.location="{self.region}"',
            f'timestamp>="{since.isoformat()}"',
        ]
        content: dict[str, Any] = {
            "resourceNames": [f"projects/{self.project}"],
            "filter": " AND ".join(parts),
            "orderBy": "timestamp asc",
            "pageSize": 1000,
        }
        while True:
            page = await self.rest.ask("POST", self.url("logging", "v2/entries:list"), content)
            for entry in page.get("entries", ()):
                if (line := _line(entry)) is not None:
                    yield line
            if not page.get("nextPageToken"):
                return
            content["pageToken"] = page["nextPageToken"]


def memory_mb(text: str | None) -> float | None:
    """Return megabytes from a quantity of Kubernetes, such as ``256Mi``; None if it is none."""
    units = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
    found = re.fullmatch(r"([\d.]+)(\w*)", text or "")
    if found is None or found[2] not in units:
        return None
    return float(found[1]) * units[found[2]] / (1 << 20)


def _line(entry: Mapping[str, Any]) -> str | None:
    if "textPayload" in entry:
        return str(entry["textPayload"]).rstrip("\n")
    message = (entry.get("jsonPayload") or {}).get("message")
    return None if message is None else str(message)


def _impersonated(data: Mapping[str, Any]) -> str | None:
    found = _EMAIL.search(data.get("service_account_impersonation_url") or "")
    return found[1] if found else None


def _seconds_left(token: str) -> float:
    """Return for how long a token is good, as it says itself; who gets it checks its signature."""
    try:
        middle = token.split(".")[1]
        content = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return float(max(0.0, content["exp"] - time.time()))
    except (IndexError, KeyError, TypeError, ValueError):
        return IDENTITY_SECONDS
