"""Applications and functions of Oracle's: made, brought up to date, listed and deleted."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.hosted import PACKAGE_VARIABLE, Service
from greenlithops.backends.compute.oracle_f import replies
from greenlithops.backends.compute.oracle_f.signing import Signer
from greenlithops.backends.compute.rest import Rest, becomes
from greenlithops.backends.compute.services import PYTHON, digest_of
from greenlithops.errors import ConfigurationError, ServiceRefused, ServiceUnavailable
from greenlithops.offload import LARGE, off_loop
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from greenlithops.backends.compute.oracle_f.options import OracleOptions
    from greenlithops.models import Reply

VERSION, LOGGING_VERSION = "20260325", "20190909"
PAGE, LOG_PAGE = "50", "500"
JSON, BYTES = "application/json", "application/octet-stream"


class OracleDeployer:
    """The functions of an application.

    Args:
        options: what the one that is wanted is like, and where.
    """

    def __init__(self, options: OracleOptions) -> None:
        self.options = options
        self._rest = Rest("Oracle Functions", self._authorize, patience=options.patience)
        host = f"https://functions.{options.region}.oci.oraclecloud.com"
        logs = f"https://logging.{options.region}.oci.oraclecloud.com"
        self._base = f"{(options.endpoint or host).rstrip('/')}/{VERSION}"
        self._logs = f"{(options.logging_endpoint or logs).rstrip('/')}/{LOGGING_VERSION}"
        self._signer: Signer | None = None
        self._application = self._name = ""

    async def open(self) -> None:
        """Read the key, make room for connections, and find the application, if it is there."""
        self._signer = await off_loop(Signer.of, self.options)
        await self._rest.open()
        self._application = await self._named_application()

    async def close(self) -> None:
        """Close the connections."""
        await self._rest.close()

    async def _authorize(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        return self._signed(method, url, body, JSON)

    def _signed(self, method: str, url: str, body: bytes, kind: str) -> dict[str, str]:
        if self._signer is None:
            raise ServiceUnavailable("the backend is not open")
        return self._signer.sign(method, url, body, kind)

    async def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers of an invocation, its signature among them."""
        if len(body) > LARGE:
            signed = await off_loop(self._signed, "POST", url, body, BYTES)
        else:
            signed = self._signed("POST", url, body, BYTES)
        return {**signed, "accept": "*/*", "fn-invoke-type": "sync"}

    async def headers(self) -> Mapping[str, str]:
        """Return nothing: a signature has all."""
        return {}

    def read(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the reply in an answer with status 200, or raise what it means."""
        return replies.read(headers, body, self._name)

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what an HTTP status other than 200 means for the calls of an invocation."""
        return replies.meaning(status, headers, text)

    # The application.

    async def _named_application(self) -> str:
        """Return the application of this name; empty if there is none."""
        query = {
            "compartmentId": self.options.compartment_id,
            "limit": PAGE,
            "displayName": self.options.application_name,
            "lifecycleState": "ACTIVE",
        }
        page = await self._rest.ask("GET", f"{self._base}/applications", query=query)
        return next((str(one["id"]) for one in page.get("value") or ()), "")

    async def _made_application(self) -> str:
        options = self.options
        url = f"{self._base}/applications"
        if not options.subnets():
            raise ConfigurationError(
                f"oracle_f: there is no application {options.application_name!r}, and to make it "
                "subnet_id is needed"
            )
        wanted = {
            "compartmentId": options.compartment_id,
            "displayName": options.application_name,
            "subnetIds": options.subnets(),
            "shape": options.shape,
        }
        made = await self._rest.ask("POST", url, wanted)
        await self._active(f"{url}/{made['id']}", f"the application {options.application_name}")
        return str(made["id"])

    async def _active(self, url: str, what: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found = await self._rest.find(url)
            state = "DELETED" if found is None else found.get("lifecycleState")
            if state in {"FAILED", "DELETED", "DELETING"}:
                raise ServiceRefused(f"{what} cannot be made: it is {state}")
            return found if state == "ACTIVE" else None

        return await becomes(look, what, self.options.ready_seconds, first=0.2)

    # The function.

    async def ensure(self) -> Service:
        """Return the function with these options, when it can be invoked."""
        options = self.options
        self._application = self._application or await self._made_application()
        name = self._name = function_name(options)
        found = await self._found(name)
        config = (found or {}).get("config") or {}
        if found is not None and KEY_VARIABLE not in config:
            raise ConfigurationError(
                f"oracle_f: the function {name} is none of greenlithops: give another name"
            )
        wanted = function(options, config.get(KEY_VARIABLE) or secrets.token_hex(32))
        if found is None:
            new = {"displayName": name, "applicationId": self._application, **wanted}
            found = await self._rest.create(f"{self._base}/functions", new)
            if found is None:  # somebody else was faster
                found = await self._found(name) or {}
        elif config.get(PACKAGE_VARIABLE) != wanted["config"][PACKAGE_VARIABLE]:
            await self._rest.ask("PUT", f"{self._base}/functions/{found['id']}", wanted)
        url = f"{self._base}/functions/{found['id']}"
        return self._service(await self._active(url, f"the function {name}"))

    async def _found(self, name: str) -> dict[str, Any] | None:
        """Return a function, with its configuration; None if there is none."""
        async for one in self._summaries({"displayName": name}):
            return await self._rest.find(f"{self._base}/functions/{one['id']}")
        return None

    async def _summaries(self, more: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        query = {"applicationId": self._application, "limit": PAGE, **more}
        while self._application:
            page = await self._rest.ask("GET", f"{self._base}/functions", query=query)
            for one in page.get("value") or ():
                if one.get("lifecycleState") not in {"DELETED", "DELETING"}:
                    yield one
            after = (page.get("headers") or {}).get("opc-next-page")
            if not after:
                return
            query["page"] = after

    def _service(self, found: Mapping[str, Any]) -> Service:
        """Return a function as a service that is there."""
        config = found.get("config") or {}
        base = self._base
        if self.options.endpoint is None and found.get("invokeEndpoint"):
            base = f"{found['invokeEndpoint'].rstrip('/')}/{VERSION}"
        return Service(
            name=found["displayName"],
            url=f"{base}/functions/{found['id']}/actions/invoke",
            memory_mb=found.get("memoryInMBs"),
            timeout_seconds=found.get("timeoutInSeconds"),
            package=(found.get("sourceDetails") or {}).get("image"),
            modified=str(found.get("timeUpdated") or ""),
            key=config.get(KEY_VARIABLE),
        )

    async def services(self) -> AsyncIterator[Service]:
        """Give the functions of greenlithops in the application."""
        async for one in self._summaries({}):
            if "greenlithops" in (one.get("freeformTags") or {}):
                yield self._service(one)

    async def delete(self, name: str) -> None:
        """Delete a function; a missing one is fine."""
        async for one in self._summaries({"displayName": name}):
            await self._rest.delete(f"{self._base}/functions/{one['id']}")

    async def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines of a function's log, if its application has one."""
        now = datetime.now(UTC)
        place = f"{self._logs}/search"
        wanted = {
            "timeStart": (now - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "timeEnd": (now + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "searchQuery": f"search \"{self.options.compartment_id}\" | where subject = '{name}' "
            "| sort by datetime asc",
        }
        page = await self._rest.ask("POST", place, wanted, {"limit": LOG_PAGE})
        for one in page.get("results") or ():
            content = (one.get("data") or {}).get("logContent") or {}
            if "message" in (content.get("data") or {}):
                yield str(content["data"]["message"]).rstrip("\n")


def function_name(options: OracleOptions) -> str:
    """Return the name of the function that has these options.

    Another image, size or Python has another name, so that two of them never take turns.
    """
    if options.name is not None:
        return options.name
    digest = digest_of((options.runtime, PYTHON))
    return f"greenlithops-py{PYTHON.replace('.', '')}-{options.runtime_memory}-{digest}"


def function(options: OracleOptions, key: str) -> dict[str, Any]:
    """Return a function as Oracle takes it, without its name and application."""
    given = options.environment()
    wanted: dict[str, Any] = {
        "sourceDetails": {"sourceType": "CONTAINER_IMAGE", "image": options.runtime},
        "memoryInMBs": options.runtime_memory,
        "timeoutInSeconds": options.runtime_timeout,
    }
    made_of = digest_of((wanted, given))
    wanted["config"] = given | {KEY_VARIABLE: key, PACKAGE_VARIABLE: made_of}
    wanted["freeformTags"] = {"greenlithops": made_of}
    return wanted
