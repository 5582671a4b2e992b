"""A container app and its environment as Azure's control plane takes them; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.backends.compute.hosted import PACKAGE_VARIABLE, Service
from greenlithops.backends.compute.services import PYTHON, digest_of
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.azure_containers.options import ContainersOptions

TAG, SETTINGS, PYTHON_TAG = "greenlithops", "greenlithops-settings", "greenlithops-python"
PORT = 8080
KEY_SECRET, URL_SECRET, REGISTRY_SECRET = "key", "package-url", "registry"
URL_VARIABLE, DIGEST_VARIABLE = "GREENLITHOPS_PACKAGE_URL", "GREENLITHOPS_PACKAGE_SHA256"
#: What Python's own image runs: it fetches our code, makes sure of it, and becomes the server.
BOOTSTRAP = f"""\
import hashlib, io, os, sys, tempfile, urllib.request, zipfile
with urllib.request.urlopen(os.environ.pop("{URL_VARIABLE}"), timeout=60) as reply:
    data = reply.read()
if hashlib.sha256(data).hexdigest() != os.environ["{DIGEST_VARIABLE}"]:
    sys.exit("the package is not the one that was deployed")
folder = tempfile.mkdtemp(prefix="worker-")
zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
os.environ["PYTHONPATH"] = folder
os.execv(sys.executable, [sys.executable, "-m", "uvicorn", "greenlithops.worker.application:app"])
"""
_SERVER = {
    "PYTHONUNBUFFERED": "1",
    "UVICORN_HOST": "0.0.0.0",  # noqa: S104 - in a container
    "UVICORN_PORT": str(PORT),
    "UVICORN_LOG_LEVEL": "warning",
    "UVICORN_TIMEOUT_KEEP_ALIVE": "300",  # Azure's front end keeps connections for 240 s
}


class Code(NamedTuple):
    """Code in a storage account.

    Attributes:
        digest: what it is made of.
        sha256: of the archive.
        url: where it is; it is in a secret.
    """

    digest: str
    sha256: str
    url: str


def environment(options: ContainersOptions, logs: Mapping[str, str] | None) -> dict[str, Any]:
    """Return an environment.

    Args:
        options: where it is.
        logs: the workspace that keeps the logs: ``customerId`` and ``sharedKey``.
    """
    properties: dict[str, Any] = {
        "workloadProfiles": [{"name": "Consumption", "workloadProfileType": "Consumption"}]
    }
    if logs is not None:
        properties["appLogsConfiguration"] = {
            "destination": "log-analytics",
            "logAnalyticsConfiguration": dict(logs),
        }
    return {"location": options.region, "tags": {TAG: "environment"}, "properties": properties}


def app(options: ContainersOptions, place: str, key: str, code: Code | None) -> dict[str, Any]:
    """Return a container app.

    Args:
        options: what it is like.
        place: the id of its environment.
        key: what messages to it are authenticated with.
        code: what Python's own image fetches; None for an image that has it.
    """
    image = options.runtime or f"docker.io/library/python:{PYTHON}-slim"
    package = code.digest if code is not None else image
    container: dict[str, Any] = {
        "name": "worker",
        "image": image,
        "resources": {"cpu": options.vcpus, "memory": f"{options.runtime_memory / 1024:g}Gi"},
    }
    plain = _SERVER | options.environment_variables() | {PACKAGE_VARIABLE: package}
    secrets, secret = {KEY_SECRET: key}, {KEY_VARIABLE: KEY_SECRET}
    if code is not None:
        container["command"] = ["python", "-c", BOOTSTRAP]
        plain[DIGEST_VARIABLE] = code.sha256
        secrets[URL_SECRET], secret[URL_VARIABLE] = code.url, URL_SECRET
    container["env"] = [{"name": name, "value": value} for name, value in plain.items()]
    container["env"] += [{"name": name, "secretRef": ref} for name, ref in secret.items()]
    configuration: dict[str, Any] = {
        "activeRevisionsMode": "Single",
        "ingress": {"external": True, "targetPort": PORT, "transport": "http"},
    }
    if options.docker_user is not None:
        secrets[REGISTRY_SECRET] = options.docker_password or ""
        registry = {"server": options.docker_server, "username": options.docker_user}
        configuration["registries"] = [registry | {"passwordSecretRef": REGISTRY_SECRET}]
    scale = {
        "minReplicas": options.min_workers,
        "maxReplicas": options.max_workers,
        "rules": [{"name": "calls", "http": {"metadata": {"concurrentRequests": "1"}}}],
    }
    template = {"containers": [container], "scale": scale}
    made_of = digest_of([template, configuration, place, options.docker_password])
    configuration["secrets"] = [{"name": name, "value": text} for name, text in secrets.items()]
    return {
        "location": options.region,
        "tags": {
            TAG: digest_of(package),
            SETTINGS: made_of,
            PYTHON_TAG: PYTHON if options.runtime is None else "own",  # who made it knows
        },
        "properties": {
            "managedEnvironmentId": place,
            "configuration": configuration,
            "template": template,
        },
    }


def service_of(
    found: Mapping[str, Any], secrets: Mapping[str, str], scheme: str = "https"
) -> Service:
    """Return an app as Azure describes it, with its secrets, which Azure tells apart."""
    properties, tags = found.get("properties") or {}, found.get("tags") or {}
    ingress = (properties.get("configuration") or {}).get("ingress") or {}
    (container, *_) = (properties.get("template") or {}).get("containers") or [{}]
    memory = (container.get("resources") or {}).get("memory") or ""
    variables = {one["name"]: one.get("value") for one in container.get("env") or ()}
    host, python = ingress.get("fqdn"), tags.get(PYTHON_TAG)
    return Service(
        name=found["name"],
        url=f"{scheme}://{host}/" if host else None,
        python=None if python == "own" else python,
        memory_mb=float(memory[:-2]) * 1024 if memory.endswith("Gi") else None,
        package=variables.get(PACKAGE_VARIABLE),
        modified=str((found.get("systemData") or {}).get("lastModifiedAt") or ""),
        key=secrets.get(KEY_SECRET),
    )
