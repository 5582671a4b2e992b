"""Functions on Google's Cloud Functions: made, brought up to date, listed and deleted."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.gcp_functions.options import NAME, FunctionsOptions
from greenlithops.backends.compute.google import memory_mb
from greenlithops.backends.compute.hosted import PACKAGE_VARIABLE, Service
from greenlithops.backends.compute.package import Package, package
from greenlithops.backends.compute.services import digest_of, with_files
from greenlithops.errors import ConfigurationError
from greenlithops.offload import off_loop
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.google_deployer import Resources

PREFIX = "greenlithops-"
LABEL, SETTINGS = "greenlithops", "greenlithops-settings"
MOST_NAME = 49  #: characters, as the service on Cloud Run has it too
RUNTIME = f"python{sys.version_info[0]}{sys.version_info[1]}"
ENTRY_POINT = "answer"
FRAMEWORK = "functions-framework==3.*"
_ZIP = {"Content-Type": "application/zip"}
_BUSY_STATES = {"DEPLOYING", "DELETING"}


class Functions:
    """Functions that run calls.

    Args:
        options: what the one that is wanted is like.
    """

    backend, api, collection = NAME, "cloudfunctions/v2", "functions"
    parameter, noun = "functionId", "function"

    def __init__(self, options: FunctionsOptions) -> None:
        self._options = options

    def busy(self, found: Mapping[str, Any]) -> bool:
        """Return whether something happens with a function just now."""
        return found.get("state") in _BUSY_STATES

    def problem(self, found: Mapping[str, Any]) -> str | None:
        """Return why a function is not ready; None if it is."""
        if found.get("state") == "ACTIVE":
            return None
        said = [str(one.get("message")) for one in found.get("stateMessages", ())]
        return "; ".join([str(found.get("state")), *said])

    def ours(self, found: Mapping[str, Any]) -> bool:
        """Return whether a function is one of greenlithops."""
        return KEY_VARIABLE in _variables(found)

    def described(self, found: Mapping[str, Any]) -> Service:
        """Return a function as Google describes it."""
        return service_of(found)

    async def bring(self, resources: Resources) -> dict[str, Any]:
        """Return the function that is wanted, made or brought up to date if need be."""
        code, options = await off_loop(package), self._options
        digest = digest_of([code.digest, self._files()])
        name = function_name(options, digest)
        found = await resources.settled(name)
        if found is None:
            content = function(options, digest, secrets.token_hex(32))
            content["buildConfig"]["source"] = await self._upload(resources, code)
            found = await resources.create(name, content)
        key = resources.key(name, _variables(found))
        changed = self._changed(found, function(options, digest, key))
        if "buildConfig" in changed:
            changed["buildConfig"]["source"] = await self._upload(resources, code)
        if changed:
            mask = {"updateMask": ",".join(sorted(changed))}
            found = await resources.update(name, changed, mask)
        return found

    def _files(self) -> dict[str, str]:
        """Return what Google's builder wants to see, beside our code."""
        return {
            "main.py": f"from greenlithops.worker.http_function import {ENTRY_POINT}\n",
            "requirements.txt": "\n".join([FRAMEWORK, *self._options.requirements, ""]),
        }

    async def _upload(self, resources: Resources, code: Package) -> dict[str, Any]:
        """Put the code where Google builds from, and return where that is."""
        rest, content = resources.google.rest, {"environment": "GEN_2"}
        place = await rest.ask("POST", f"{resources.url()}:generateUploadUrl", content)
        archive = await off_loop(lambda: with_files(code.archive(), self._files()))
        await rest.put(place["uploadUrl"], archive, _ZIP)
        return {"storageSource": place["storageSource"]}

    def _changed(self, found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the parts of a function that are to be replaced."""
        labels = found.get("labels") or {}
        if labels.get(LABEL) != wanted["labels"][LABEL] or self.problem(found):
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
