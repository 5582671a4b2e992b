"""Functions on Function Compute: made, brought up to date, listed and deleted by its API."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.aliyun_fc import replies
from greenlithops.backends.compute.aliyun_fc.signing import sign
from greenlithops.backends.compute.hosted import PACKAGE_VARIABLE, Service
from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.backends.compute.package import Package, package
from greenlithops.backends.compute.rest import Rest, becomes
from greenlithops.backends.compute.services import PYTHON, digest_of, with_files
from greenlithops.errors import ConfigurationError, NotSupported, ServiceRefused
from greenlithops.offload import LARGE, off_loop
from greenlithops.worker.application import CONCURRENCY_VARIABLE
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from greenlithops.backends.compute.aliyun_fc.options import FunctionComputeOptions
    from greenlithops.models import Reply

PREFIX = "greenlithops-"
PORT = 8080
PAGE = "100"
JSON, BYTES = "application/json", "application/octet-stream"
_INDEX = {"index.py": "from greenlithops.worker.fc_function import handler\n"}


class FunctionComputeDeployer:
    """The functions of an account in a region.

    Args:
        options: what the one that is wanted is like, and where.
    """

    def __init__(self, options: FunctionComputeOptions) -> None:
        self.options = options
        self._rest = Rest("Function Compute", self._authorize, patience=options.patience)
        self._base = options.base()
        self._name = ""

    async def open(self) -> None:
        """Make room for connections."""
        await self._rest.open()

    async def close(self) -> None:
        """Close the connections."""
        await self._rest.close()

    async def _authorize(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        return self._signed(method, url, body, JSON if body else "")

    def _signed(self, method: str, url: str, body: bytes, kind: str) -> dict[str, str]:
        options = self.options
        return sign(
            *(method, url, body, kind),
            key=options.access_key_id,
            secret=options.access_key_secret,
            token=options.security_token,
        )

    async def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers of an invocation, its signature among them."""
        if len(body) > LARGE:
            return await off_loop(self._signed, "POST", url, body, BYTES)
        return self._signed("POST", url, body, BYTES)

    async def headers(self) -> Mapping[str, str]:
        """Return nothing: a signature has all."""
        return {}

    def read(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the reply in an answer with status 200, or raise what it means."""
        return replies.read(headers, body, self._name)

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what an HTTP status other than 200 means for the calls of an invocation."""
        return refusal(status, headers, text)

    async def ensure(self) -> Service:
        """Return the function with these options, when it can be invoked."""
        options = self.options
        code = None
        if options.deploy_mode == "runtime":
            code = await off_loop(package, tuple(options.requirements))
        name = self._name = function_name(options, code)
        url = f"{self._base}/{name}"
        found = await self._rest.find(url)
        variables = (found or {}).get("environmentVariables") or {}
        if found is not None and KEY_VARIABLE not in variables:
            raise ConfigurationError(
                f"aliyun_fc: the function {name} is none of greenlithops: give another name"
            )
        key = variables.get(KEY_VARIABLE) or secrets.token_hex(32)
        wanted = function(options, code, key)
        made_of = wanted["environmentVariables"][PACKAGE_VARIABLE]
        if variables.get(PACKAGE_VARIABLE) != made_of:
            if code is not None:
                archive = await off_loop(lambda: with_files(code.archive(), _INDEX))
                text = await off_loop(lambda: base64.b64encode(archive).decode())
                wanted["code"] = {"zipFile": text}
            if found is None:
                await self._rest.create(self._base, {"functionName": name, **wanted})
            else:
                await self._rest.ask("PUT", url, wanted)
        ready = await becomes(
            lambda: self._ready(name), f"the function {name}", options.ready_seconds, first=0.1
        )
        return _service(ready, f"{url}/invocations")

    async def _ready(self, name: str) -> dict[str, Any] | None:
        found = await self._rest.find(f"{self._base}/{name}")
        if found is None:
            raise ServiceRefused(f"the function {name} was deleted while it was made")
        if "Failed" in {found.get("state"), found.get("lastUpdateStatus")}:
            why = found.get("stateReason") or found.get("lastUpdateStatusReason")
            raise ServiceRefused(f"the function {name} cannot be made: {why}")
        ready = found.get("state") in {"Active", None}
        return found if ready and found.get("lastUpdateStatus") in {"Successful", None} else None

    async def services(self) -> AsyncIterator[Service]:
        """Give the functions of greenlithops in this region."""
        query = {"limit": PAGE}
        while True:
            page = await self._rest.ask("GET", self._base, query=query)
            for one in page.get("functions") or ():
                if KEY_VARIABLE in (one.get("environmentVariables") or {}):
                    yield _service(one, f"{self._base}/{one['functionName']}/invocations")
            if not page.get("nextToken"):
                return
            query["nextToken"] = page["nextToken"]

    async def delete(self, name: str) -> None:
        """Delete a function; a missing one is fine."""
        await self._rest.delete(f"{self._base}/{name}")

    def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give nothing, but say where the lines are.

        Raises:
            NotSupported: always; they are in another service of Alibaba's.
        """
        raise NotSupported(
            f"aliyun_fc: Function Compute's API has no logs; those of {name} of the last "
            f"{seconds:g} s are in the Simple Log Service, if the function was given a log store"
        )


def function_name(options: FunctionComputeOptions, code: Package | None) -> str:
    """Return the name of the function that has these options.

    Another version of the code has another name, so that two of them never take turns.
    """
    if options.name is not None:
        return options.name
    digest = digest_of((options.image if code is None else code.digest, PYTHON))
    space = f"{options.namespace}-" if options.namespace else ""
    name = f"{PREFIX}{space}py{PYTHON.replace('.', '')}-{options.runtime_memory}-{digest}"
    if len(name) > 64:  # noqa: PLR2004 - the service's limit
        raise ConfigurationError(f"aliyun_fc: namespace is too long: {options.namespace!r}")
    return name


def function(options: FunctionComputeOptions, code: Package | None, key: str) -> dict[str, Any]:
    """Return a function as Function Compute takes it, without its name and code."""
    wanted: dict[str, Any] = {
        "description": f"Runs calls of greenlithops on Python {PYTHON}",
        "handler": "index.handler",
        "memorySize": options.runtime_memory,
        "cpu": options.cpu(),
        "diskSize": options.ephemeral_storage,
        "timeout": options.runtime_timeout,
        "instanceConcurrency": options.container_concurrency,
        "internetAccess": True,
    }
    if options.role_arn is not None:
        wanted["role"] = options.role_arn
    given = options.environment()
    if code is None:
        wanted["runtime"] = "custom-container"
        config = {"image": options.image, "port": PORT, "entrypoint": list(options.command)}
        wanted["customContainerConfig"] = config
        given |= {CONCURRENCY_VARIABLE: str(options.container_concurrency)}
    else:
        wanted["runtime"] = options.code_runtime or f"python{PYTHON}"
    made_of = digest_of((wanted, given, None if code is None else code.digest))
    wanted["environmentVariables"] = given | {KEY_VARIABLE: key, PACKAGE_VARIABLE: made_of}
    return wanted


def _service(found: Mapping[str, Any], url: str) -> Service:
    """Return a function as a service that is there."""
    variables = found.get("environmentVariables") or {}
    runtime = str(found.get("runtime") or "")
    image = (found.get("customContainerConfig") or {}).get("image")
    return Service(
        name=found["functionName"],
        url=url,
        python=runtime.removeprefix("python") if runtime.startswith("python") else None,
        memory_mb=found.get("memorySize"),
        timeout_seconds=found.get("timeout"),
        package=image or variables.get(PACKAGE_VARIABLE),
        modified=str(found.get("lastModifiedTime") or ""),
        key=variables.get(KEY_VARIABLE),
    )
