"""Functions on Google's Cloud Functions: made, brought up to date, listed and deleted."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.aws_lambda.package import Package, package
from greenlithops.backends.compute.gcp_functions.options import NAME, FunctionsOptions
from greenlithops.backends.compute.google import OPERATION_SECONDS, Google, memory_mb
from greenlithops.backends.compute.hosted import PACKAGE_VARIABLE, Service
from greenlithops.backends.compute.rest import becomes
from greenlithops.backends.compute.services import digest_of, with_files
from greenlithops.errors import ConfigurationError, ServiceRefused
from greenlithops.offload import off_loop
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

API = "cloudfunctions/v2"
PREFIX = "greenlithops-"
LABEL, SETTINGS = "greenlithops", "greenlithops-settings"
MOST_NAME = 49  #: characters, as the service on Cloud Run has it too
RUNTIME = f"python{sys.version_info[0]}{sys.version_info[1]}"
ENTRY_POINT = "answer"
FRAMEWORK = "functions-framework==3.*"
_ZIP = {"Content-Type": "application/zip"}
_BUSY_STATES = {"DEPLOYING", "DELETING"}


class FunctionsDeployer:
    """Keeps one function in a project.

    Args:
        options: what it is like.
    """

    def __init__(self, options: FunctionsOptions) -> None:
        self.options = options
        self.google = Google(
            NAME,
            options.region,
            project=options.project_name,
            credentials=options.credentials_path,
            service_account=options.service_account,
            endpoint=options.endpoint,
        )
        self._service = Service("", None)

    async def open(self) -> None:
        """Find the credentials."""
        await self.google.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.google.close()

    async def ensure(self) -> Service:
        """Return the function that is wanted, made or brought up to date if need be."""
        code = await off_loop(package)
        digest = digest_of([code.digest, self._files()])
        name = function_name(self.options, digest)
        found = await self._settled(name)
        if found is None:
            found = await self._create(name, code, digest)
        key = _variables(found).get(KEY_VARIABLE)
        if key is None:
            raise ConfigurationError(
                f"{NAME}: the function {name} exists and is none of greenlithops: give another "
                "runtime name"
            )
        if changed := self._changed(found, digest, key):
            if "buildConfig" in changed:
                changed["buildConfig"]["source"] = await self._upload(code)
            query = {"updateMask": ",".join(sorted(changed))}
            asked = await self.google.rest.ask("PATCH", self._url(name), changed, query)
            await self.google.done(API, asked, f"update the function {name}")
            found = await self._ready(name)
        self._service = service_of(found)
        return self._service

    async def headers(self) -> Mapping[str, str]:
        """Return an identity token for the function."""
        return await self.google.identity(self._service.url or "")

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what a status other than 200 means."""
        seconds = self.options.runtime_timeout
        return self.google.meaning(status, headers, text, name=self._service.name, seconds=seconds)

    async def services(self) -> AsyncIterator[Service]:
        """Give the functions of greenlithops in the region."""
        query = {"pageSize": "1000"}
        while True:
            page = await self.google.rest.ask("GET", self._url(), None, query)
            for one in page.get("functions", ()):
                if KEY_VARIABLE in _variables(one):
                    yield service_of(one)
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    async def delete(self, name: str) -> None:
        """Delete a function; a missing one is fine."""
        asked = await self.google.rest.delete(self._url(name))
        if asked is not None:
            await self.google.done(API, asked, f"delete the function {name}")

    def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that a function has logged."""
        return self.google.logs(name, seconds)

    # How it is made.

    def _files(self) -> dict[str, str]:
        """Return what Google's builder wants to see, beside our code."""
        return {
            "main.py": f"from greenlithops.worker.http_function import {ENTRY_POINT}\n",
            "requirements.txt": "\n".join([FRAMEWORK, *self.options.requirements, ""]),
        }

    def _url(self, name: str = "") -> str:
        path = f"v2/{self.google.parent}/functions"
        return self.google.url("cloudfunctions", f"{path}/{name}" if name else path)

    async def _settled(self, name: str) -> dict[str, Any] | None:
        """Return a function with which nothing happens just now; None if there is none."""

        async def look() -> tuple[dict[str, Any] | None] | None:
            found = await self.google.rest.find(self._url(name))
            return None if found is not None and found.get("state") in _BUSY_STATES else (found,)

        found = await becomes(look, f"{NAME}: the function {name}", OPERATION_SECONDS)
        return found[0]

    async def _create(self, name: str, code: Package, digest: str) -> dict[str, Any]:
        content = function(self.options, digest, secrets.token_hex(32))
        content["buildConfig"]["source"] = await self._upload(code)
        asked = await self.google.rest.create(self._url(), content, {"functionId": name})
        if asked is not None:
            await self.google.done(API, asked, f"make the function {name}")
        return await self._ready(name)  # which somebody else may have made meanwhile

    async def _ready(self, name: str) -> dict[str, Any]:
        found = await self._settled(name)
        if found is None:
            raise ServiceRefused(f"{NAME}: the function {name} was deleted while it was made")
        if found.get("state") != "ACTIVE":
            said = "; ".join(str(one.get("message")) for one in found.get("stateMessages", ()))
            raise ServiceRefused(f"{NAME}: the function {name} is {found.get('state')}: {said}")
        return found

    async def _upload(self, code: Package) -> dict[str, Any]:
        """Put the code where Google builds from, and return where that is."""

        def archive() -> bytes:
            return with_files(code.archive(), self._files())

        place = await self.google.rest.ask(
            "POST", f"{self._url()}:generateUploadUrl", {"environment": "GEN_2"}
        )
        await self.google.rest.put(place["uploadUrl"], await off_loop(archive), _ZIP)
        return {"storageSource": place["storageSource"]}

    def _changed(self, found: dict[str, Any], digest: str, key: str) -> dict[str, Any]:
        """Return the parts of a function that are to be replaced."""
        wanted, labels = function(self.options, digest, key), found.get("labels") or {}
        if labels.get(LABEL) != digest or found.get("state") != "ACTIVE":
            return {part: wanted[part] for part in ("buildConfig", "serviceConfig", "labels")}
        if labels.get(SETTINGS) != wanted["labels"][SETTINGS]:
            return {part: wanted[part] for part in ("serviceConfig", "labels")}
        return {}


def function_name(options: FunctionsOptions, digest: str) -> str:
    """Return the name of the function that has these options and this code."""
    if options.runtime is not None:
        return options.runtime
    return service_name(NAME, options.namespace, options.runtime_memory, digest)


def service_name(backend: str, namespace: str | None, memory: int, digest: str) -> str:
    """Return a name that another version of the code does not have, too."""
    space = f"{namespace}-" if namespace else ""
    name = f"{PREFIX}{space}{RUNTIME.replace('python', 'py')}-{memory}-{digest}"
    if len(name) > MOST_NAME:
        raise ConfigurationError(f"{backend}: namespace is too long: {namespace!r}")
    return name


def function(options: FunctionsOptions, digest: str, key: str) -> dict[str, Any]:
    """Return a function as Google takes it, except for where its code is.

    A label tells the settings with which it was made, since Google writes some of them its own way.
    """
    settings = {
        "availableMemory": f"{options.runtime_memory}Mi",
        "timeoutSeconds": options.runtime_timeout,
        "maxInstanceCount": options.max_workers,
        "minInstanceCount": options.min_workers,
        "maxInstanceRequestConcurrency": 1,
        "environmentVariables": options.environment(),
    }
    if options.service_account is not None:
        settings["serviceAccountEmail"] = options.service_account
    labels = {LABEL: digest, SETTINGS: digest_of(settings)}
    own = {KEY_VARIABLE: key, PACKAGE_VARIABLE: digest}
    settings["environmentVariables"] = options.environment() | own
    return {
        "description": f"Runs calls of greenlithops on {RUNTIME}",
        "environment": "GEN_2",
        "labels": labels,
        "buildConfig": {"runtime": RUNTIME, "entryPoint": ENTRY_POINT},
        "serviceConfig": settings,
    }


def service_of(found: Mapping[str, Any]) -> Service:
    """Return a function as Google describes it."""
    settings, variables = found.get("serviceConfig") or {}, _variables(found)
    return Service(
        name=found["name"].rpartition("/")[2],
        url=settings.get("uri") or found.get("url"),
        python=_minor((found.get("buildConfig") or {}).get("runtime")),
        memory_mb=memory_mb(settings.get("availableMemory")),
        timeout_seconds=settings.get("timeoutSeconds"),
        package=variables.get(PACKAGE_VARIABLE),
        modified=found.get("updateTime", ""),
        key=variables.get(KEY_VARIABLE),
    )


def _variables(found: Mapping[str, Any]) -> Mapping[str, str]:
    return (found.get("serviceConfig") or {}).get("environmentVariables") or {}


def _minor(runtime: str | None) -> str | None:
    """Return ``3.12`` for ``python312``."""
    digits = (runtime or "").removeprefix("python")
    return f"{digits[0]}.{digits[1:]}" if digits.isdigit() else None
