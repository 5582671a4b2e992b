"""What is created in a cluster, as plain manifests: functions of the options alone."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.kubernetes.naming import (
    ROLE,
    ROLE_ANCHOR,
    ROLE_POOL,
    SESSION,
    UNTIL,
    labels,
    name_of,
    owned_by,
)
from greenlithops.backends.compute.kubernetes.pods import template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.kubernetes.naming import Manifest
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions
    from greenlithops.backends.compute.kubernetes.pods import Errand

ANCHOR_SECONDS = 600  #: for which what a program has created stays when the program is lost
FINISHED_SECONDS = 30  #: for which a finished Job can be looked at
_MOST_FAILURES = (1 << 31) - 1


def anchor(options: KubernetesOptions, session: str, until: float = 0.0) -> Manifest:
    """Return the Job that owns all else: without pods, and with a deadline that is moved on.

    When the program is lost, nobody moves the deadline on. The Job fails, is deleted since its
    time to live is over, and the garbage collector deletes what it owns. Where the cluster does
    not do that, the next program does.

    Args:
        options: what pods are like.
        session: the executor's.
        until: when it may be deleted by others unless it is moved on, in seconds since the epoch.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_of(session),
            "labels": labels(session, ROLE_ANCHOR),
            "annotations": {UNTIL: str(round(until))},
        },
        "spec": {
            "parallelism": 0,
            "activeDeadlineSeconds": ANCHOR_SECONDS,
            "ttlSecondsAfterFinished": 0,
            "template": {
                "metadata": {"labels": labels(session, ROLE_ANCHOR)},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "none", "image": options.image or "none"}],
                },
            },
        },
    }


def settings(options: KubernetesOptions, session: str, redis: Mapping[str, Any]) -> dict[str, Any]:
    """Return what workers of a session must know, with a new key.

    Args:
        options: what pods are like.
        session: the executor's.
        redis: where they reach it.
    """
    return {
        "pool": session,
        "key": secrets.token_hex(32),
        "redis": redis,
        "lease": options.lease_seconds,
        "attempts": options.attempts,
        "timeout": options.runtime_timeout,
        "grace": options.grace_seconds,
        "owner": session,
        "owner_seconds": options.client_seconds,
        "processes": options.worker_processes,
        "energy": bool(options.node_energy),
    }


def secret(
    session: str, settings: Mapping[str, Any], owner: Mapping[str, Any] | None = None
) -> Manifest:
    """Return the Secret with what workers must know: how Redis is reached, and the key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name_of(session), "labels": labels(session), **owned_by(owner)},
        "type": "Opaque",
        "data": {"settings.json": base64.b64encode(json.dumps(settings).encode()).decode()},
    }


def parcels(
    session: str, number: int, content: Any, owner: Mapping[str, Any] | None = None
) -> Manifest:
    """Return the Secret that says where the invocations of a submission are, in a storage.

    Args:
        session: the executor's.
        number: of the submission's first Job.
        content: the URLs of each, or that of the list of them.
        owner: the anchor.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{name_of(session)}-{number}",
            "labels": labels(session),
            **owned_by(owner),
        },
        "type": "Opaque",
        "data": {"parcels.json": base64.b64encode(json.dumps(content).encode()).decode()},
    }


def pull_secret(
    options: KubernetesOptions, session: str, owner: Mapping[str, Any] | None = None
) -> Manifest | None:
    """Return the Secret with which the image is pulled; None if no registry's user is given."""
    if not (options.docker_server and options.docker_user and options.docker_password):
        return None
    user, password = options.docker_user, options.docker_password
    entry = {
        "username": user,
        "password": password,
        "auth": base64.b64encode(f"{user}:{password}".encode()).decode(),
    }
    content = json.dumps({"auths": {options.docker_server: entry}}).encode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{name_of(session)}-pull",
            "labels": labels(session),
            **owned_by(owner),
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(content).decode()},
    }


def deployment(
    options: KubernetesOptions,
    session: str,
    *,
    replicas: int = 0,
    owner: Mapping[str, Any] | None = None,
) -> Manifest:
    """Return the Deployment of a pool's pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name_of(session),
            "labels": labels(session, ROLE_POOL),
            **owned_by(owner),
        },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": {SESSION: session, ROLE: ROLE_POOL}},
            "template": template(options, session, ROLE_POOL),
        },
    }


def job(
    options: KubernetesOptions,
    session: str,
    number: int,
    count: int,
    *,
    indexed: bool,
    memory_factor: int = 1,
    errand: Errand | None = None,
    owner: Mapping[str, Any] | None = None,
) -> Manifest:
    """Return a Job with a pod for each of `count` invocations.

    Args:
        options: what the pods are like.
        session: the executor's.
        number: of the submission in the session.
        count: how many invocations.
        indexed: whether the server has indexed Jobs (1.21 and later).
        memory_factor: how much memory each pod has, as a multiple of what is configured.
        errand: where the invocations are, if not in Redis.
        owner: the anchor.
    """
    spec: Manifest = {
        "parallelism": min(count, options.max_workers),
        "completions": count,
        "backoffLimit": min(_MOST_FAILURES, count * options.attempts),
        "ttlSecondsAfterFinished": FINISHED_SECONDS,
        "template": template(
            options, session, f"job-{number}", memory_factor=memory_factor, errand=errand
        ),
    }
    if indexed:
        spec["completionMode"] = "Indexed"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{name_of(session)}-{number}",
            "labels": labels(session, f"job-{number}"),
            **owned_by(owner),
        },
        "spec": spec,
    }


def everything(
    options: KubernetesOptions,
    session: str,
    settings: Mapping[str, Any],
    owner: Mapping[str, Any] | None = None,
) -> list[Manifest]:
    """Return all that is created for a session besides the anchor, and its Jobs later."""
    pull = pull_secret(options, session, owner)
    found = [secret(session, settings, owner), *([pull] if pull else [])]
    if options.mode == "pool":
        found.append(deployment(options, session, replicas=options.min_workers, owner=owner))
    return found
