"""Services on Google's Cloud Run: made, brought up to date, listed and deleted."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.gcp_cloudrun.image import PORT, Images
from greenlithops.backends.compute.gcp_cloudrun.options import NAME, CloudRunOptions
from greenlithops.backends.compute.gcp_functions.deployment import LABEL, SETTINGS, service_name
from greenlithops.backends.compute.google import memory_mb
from greenlithops.backends.compute.hosted import PACKAGE_VARIABLE, Service
from greenlithops.backends.compute.services import PYTHON, digest_of
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.google_deployer import Resources

PYTHON_LABEL = "greenlithops-python"


class Services:
    """Services that run calls.

    Args:
        options: what the one that is wanted is like.
    """

    backend, api, collection = NAME, "run/v2", "services"
    parameter, noun = "serviceId", "service"

    def __init__(self, options: CloudRunOptions) -> None:
        self._options = options

    def busy(self, found: Mapping[str, Any]) -> bool:
        """Return whether something happens with a service just now."""
        return bool(found.get("reconciling"))

    def problem(self, found: Mapping[str, Any]) -> str | None:
        """Return why a service is not ready; None if it is."""
        said = found.get("terminalCondition") or {}
        if said.get("state") == "CONDITION_SUCCEEDED":
            return None
        reason = said.get("reason") or said.get("revisionReason") or said.get("state")
        return f"{reason}: {said.get('message')}"

    def ours(self, found: Mapping[str, Any]) -> bool:
        """Return whether a service is one of greenlithops; functions are services, too."""
        return PYTHON_LABEL in (found.get("labels") or {})

    def described(self, found: Mapping[str, Any]) -> Service:
        """Return a service as Google describes it."""
        return service_of(found)

    async def bring(self, resources: Resources) -> dict[str, Any]:
        """Return the service that is wanted, made or brought up to date if need be."""
        options = self._options
        image = options.runtime or await Images(resources.google, options).ensure()
        digest = digest_of([image, options.runtime_cpu])
        name = service_name(NAME, options.namespace, options.runtime_memory, digest)
        found = await resources.settled(name)
        if found is None:
            content = service(options, image, secrets.token_hex(32))
            found = await resources.create(name, content)
        wanted = service(options, image, resources.key(name, _variables(found)))
        label = (found.get("labels") or {}).get(SETTINGS)
        if label != wanted["labels"][SETTINGS] or self.problem(found):
            found = await resources.update(name, wanted)
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


def _variables(found: Mapping[str, Any]) -> dict[str, str]:
    containers = (found.get("template") or {}).get("containers") or [{}]
    return {one["name"]: one.get("value", "") for one in containers[0].get("env") or ()}


def _cpus(count: float) -> str:
    return str(int(count)) if count >= 1 else f"{round(count * 1000)}m"


def _seconds(text: str | None) -> float | None:
    """Return the seconds of a duration such as ``300s``."""
    return float(text.removesuffix("s")) if text else None
