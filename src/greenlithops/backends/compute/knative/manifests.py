"""A Service that runs calls, and its secrets, as Kubernetes' API takes them: pure functions."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.services import PYTHON, digest_of
from greenlithops.worker.application import CONCURRENCY_VARIABLE
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from greenlithops.backends.compute.knative.options import KnativeOptions

GROUP, VERSION, PLURAL = "serving.knative.dev", "v1", "services"
OWNER = {"app.kubernetes.io/managed-by": "greenlithops"}
SELECTOR = "app.kubernetes.io/managed-by=greenlithops"
MADE_OF = "greenlithops.dev/made-of"  #: the annotation that says what a Service was made of
KEY = "key"
PORT = 8080


def service_name(options: KnativeOptions) -> str:
    """Return the name of the Service that has these options.

    Another image, size or Python has another name, so that two of them never take turns.
    """
    if options.name is not None:
        return options.name
    content = (options.runtime, options.runtime_memory, options.runtime_cpu, PYTHON)
    return f"greenlithops-py{PYTHON.replace('.', '')}-{digest_of(content)}"


def pull_secret_name(name: str) -> str:
    """Return the name of the secret with which a Service's image is had."""
    return f"{name}-pull"


def service(options: KnativeOptions) -> dict[str, Any]:
    """Return the Service; what it is made of stands in an annotation of it."""
    name = service_name(options)
    secrets = [*options.pull_secrets]
    if options.docker_password is not None:
        secrets.append(pull_secret_name(name))
    pod: dict[str, Any] = {
        "containerConcurrency": options.container_concurrency,
        "timeoutSeconds": options.runtime_timeout,
        "containers": [_container(options, name)],
    }
    if options.service_account is not None:
        pod["serviceAccountName"] = options.service_account
    if secrets:
        pod["imagePullSecrets"] = [{"name": secret} for secret in secrets]
    labels = {**options.labels, **OWNER}
    template = {
        "metadata": {
            "labels": labels,
            "annotations": {
                "autoscaling.knative.dev/min-scale": str(options.min_scale),
                "autoscaling.knative.dev/max-scale": str(options.max_scale),
                # Pods take no more than their limit, so what matters is how many run.
                "autoscaling.knative.dev/target-utilization-percentage": "100",
            },
        },
        "spec": pod,
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Service",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {MADE_OF: digest_of(template)},
        },
        "spec": {"template": template},
    }


def _container(options: KnativeOptions, name: str) -> dict[str, Any]:
    size = {"cpu": f"{round(options.runtime_cpu * 1000)}m", "memory": f"{options.runtime_memory}Mi"}
    given = [{"name": key, "value": value} for key, value in options.environment().items()]
    own = [
        {"name": CONCURRENCY_VARIABLE, "value": str(options.container_concurrency)},
        {"name": KEY_VARIABLE, "valueFrom": {"secretKeyRef": {"name": name, "key": KEY}}},
    ]
    return {
        "image": options.runtime,
        "command": list(options.command),
        "ports": [{"containerPort": PORT}],
        "env": given + own,
        "resources": {"requests": size, "limits": size},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def key_secret(name: str, key: str) -> dict[str, Any]:
    """Return the secret that has a Service's key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": dict(OWNER)},
        "type": "Opaque",
        "data": {KEY: base64.b64encode(key.encode()).decode()},
    }


def pull_secret(options: KnativeOptions, name: str) -> dict[str, Any]:
    """Return the secret with which the image is had from its registry."""
    user, password = options.docker_user or "", options.docker_password or ""
    proof = base64.b64encode(f"{user}:{password}".encode()).decode()
    content = {"username": user, "password": password, "auth": proof}
    config = json.dumps({"auths": {options.docker_server: content}})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": pull_secret_name(name), "labels": dict(OWNER)},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(config.encode()).decode()},
    }
