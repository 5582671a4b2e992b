"""Services on Google's Cloud Run: made, brought up to date, listed and deleted."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.gcp_cloudrun.image import PORT, Images
from greenlithops.backends.compute.gcp_cloudrun.options import NAME, CloudRunOptions
from greenlithops.backends.compute.gcp_functions.deployment import LABEL, SETTINGS, service_name
from greenlithops.backends.compute.google import OPERATION_SECONDS, Google, memory_mb
from greenlithops.backends.compute.hosted import PACKAGE_VARIABLE, Service
from greenlithops.backends.compute.rest import becomes
from greenlithops.backends.compute.services import PYTHON, digest_of
from greenlithops.errors import ConfigurationError, ServiceRefused
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

API = "run/v2"
PYTHON_LABEL = "greenlithops-python"


class CloudRunDeployer:
    """Keeps one service in a project.

    Args:
        options: what it is like.
    """

    def __init__(self, options: CloudRunOptions) -> None:
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
        """Return the service that is wanted, made or brought up to date if need be."""
        options = self.options
        image = options.runtime or await Images(self.google, options).ensure()
        digest = digest_of([image, options.runtime_cpu])
        name = service_name(NAME, options.namespace, options.runtime_memory, digest)
        found = await self._settled(name)
        if found is None:
            found = await self._create(name, image)
        key = _variables(found).get(KEY_VARIABLE)
        if key is None:
            raise ConfigurationError(
                f"{NAME}: the service {name} exists and is none of greenlithops: delete it, or "
                "give another namespace"
            )
        wanted = service(options, image, key)
        label = (found.get("labels") or {}).get(SETTINGS)
        if label != wanted["labels"][SETTINGS] or not _is_ready(found):
            asked = await self.google.rest.ask("PATCH", self._url(name), wanted)
            await self.google.done(API, asked, f"update the service {name}")
            found = await self._ready(name)
        self._service = service_of(found)
        return self._service

    async def headers(self) -> Mapping[str, str]:
        """Return an identity token for the service."""
        return await self.google.identity(self._service.url or "")

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what a status other than 200 means."""
        seconds = self.options.runtime_timeout
        return self.google.meaning(status, headers, text, name=self._service.name, seconds=seconds)

    async def services(self) -> AsyncIterator[Service]:
        """Give the services of greenlithops in the region."""
        query = {"pageSize": "1000"}
        while True:
            page = await self.google.rest.ask("GET", self._url(), None, query)
            for one in page.get("services", ()):
                # Functions are services, too, and have no such label.
                if PYTHON_LABEL in (one.get("labels") or {}):
                    yield service_of(one)
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    async def delete(self, name: str) -> None:
        """Delete a service; a missing one is fine. Its image stays."""
        asked = await self.google.rest.delete(self._url(name))
        if asked is not None:
            await self.google.done(API, asked, f"delete the service {name}")

    def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that a service has logged."""
        return self.google.logs(name, seconds)

    # How it is made.

    def _url(self, name: str = "") -> str:
        path = f"v2/{self.google.parent}/services"
        return self.google.url("run", f"{path}/{name}" if name else path)

    async def _settled(self, name: str) -> dict[str, Any] | None:
        """Return a service with which nothing happens just now; None if there is none."""

        async def look() -> tuple[dict[str, Any] | None] | None:
            found = await self.google.rest.find(self._url(name))
            return None if found is not None and found.get("reconciling") else (found,)

        found = await becomes(look, f"{NAME}: the service {name}", OPERATION_SECONDS)
        return found[0]

    async def _create(self, name: str, image: str) -> dict[str, Any]:
        content = service(self.options, image, secrets.token_hex(32))
        asked = await self.google.rest.create(self._url(), content, {"serviceId": name})
        if asked is not None:
            await self.google.done(API, asked, f"make the service {name}")
        return await self._ready(name)  # which somebody else may have made meanwhile

    async def _ready(self, name: str) -> dict[str, Any]:
        found = await self._settled(name)
        if found is None:
            raise ServiceRefused(f"{NAME}: the service {name} was deleted while it was made")
        if not _is_ready(found):
            said = found.get("terminalCondition") or {}
            reason = said.get("reason") or said.get("revisionReason") or said.get("state")
            raise ServiceRefused(
                f"{NAME}: the service {name} is not ready: {reason}: {said.get('message')}"
            )
        return found


def service(options: CloudRunOptions, image: str, key: str) -> dict[str, Any]:
    """Return a service as Cloud Run takes it.

    A label tells the settings with which it was made, since Google writes some of them its own way.
    """
    template: dict[str, Any] = {
        "timeout": f"{options.runtime_timeout}s",
        "maxInstanceRequestConcurrency": 1,
        "scaling": {
            "minInstanceCount": options.min_workers,
            "maxInstanceCount": options.max_workers,
        },
        "containers": [
            {
                "image": image,
                "ports": [{"containerPort": PORT}],
                "resources": {
                    "limits": {
                        "cpu": _cpus(options.runtime_cpu),
                        "memory": f"{options.runtime_memory}Mi",
                    },
                    "cpuIdle": True,  # what is billed is the time of requests
                },
            }
        ],
    }
    if options.runtime_cpu < 1:  # which the second one does not have
        template["executionEnvironment"] = "EXECUTION_ENVIRONMENT_GEN1"
    if options.service_account is not None:
        template["serviceAccount"] = options.service_account
    digest = digest_of([template, options.environment()])
    variables = options.environment() | {KEY_VARIABLE: key, PACKAGE_VARIABLE: image}
    container = template["containers"][0]
    container["env"] = [{"name": name, "value": value} for name, value in variables.items()]
    labels = {LABEL: digest_of(image), SETTINGS: digest}
    if options.runtime is None:
        labels[PYTHON_LABEL] = PYTHON.replace(".", "-")
    else:
        labels[PYTHON_LABEL] = "own"  # whoever made the image knows
    return {
        "description": "Runs calls of greenlithops",
        "labels": labels,
        "ingress": "INGRESS_TRAFFIC_ALL",
        "template": template,
    }


def service_of(found: Mapping[str, Any]) -> Service:
    """Return a service as Cloud Run describes it."""
    template, variables = found.get("template") or {}, _variables(found)
    containers = template.get("containers") or [{}]
    limits = (containers[0].get("resources") or {}).get("limits") or {}
    python = (found.get("labels") or {}).get(PYTHON_LABEL, "own")
    return Service(
        name=found["name"].rpartition("/")[2],
        url=found.get("uri"),
        python=None if python == "own" else python.replace("-", "."),
        memory_mb=memory_mb(limits.get("memory")),
        timeout_seconds=_seconds(template.get("timeout")),
        package=variables.get(PACKAGE_VARIABLE),
        modified=found.get("updateTime", ""),
        key=variables.get(KEY_VARIABLE),
    )


def _is_ready(found: Mapping[str, Any]) -> bool:
    said = found.get("terminalCondition") or {}
    return bool(said.get("state") == "CONDITION_SUCCEEDED")


def _variables(found: Mapping[str, Any]) -> dict[str, str]:
    containers = (found.get("template") or {}).get("containers") or [{}]
    return {one["name"]: one.get("value", "") for one in containers[0].get("env") or ()}


def _cpus(count: float) -> str:
    return str(int(count)) if count >= 1 else f"{round(count * 1000)}m"


def _seconds(text: str | None) -> float | None:
    """Return the seconds of a duration such as ``300s``."""
    return float(text.removesuffix("s")) if text else None
