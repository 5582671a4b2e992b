"""Whose machines a cluster's nodes are, and where: what their labels say, for energy and carbon."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.compute.kubernetes.api import path
from greenlithops.backends.compute.kubernetes.naming import ROLE_POOL
from greenlithops.backends.compute.kubernetes.options import amount
from greenlithops.backends.compute.kubernetes.pods import template, worker_of
from greenlithops.errors import ServiceError
from greenlithops.models import ServiceSize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.kubernetes.api import Api
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions

REGION = "topology.kubernetes.io/region"
_PROVIDERS: Mapping[str, Literal["AWS", "Azure", "GCP"]] = {
    "aws": "AWS",
    "azure": "Azure",
    "gce": "GCP",
}

_log = logging.getLogger(__name__)


def size_of(options: KubernetesOptions) -> ServiceSize:
    """Return what a pod reserves for each of the calls that it runs at a time."""
    wanted = worker_of(template(options, "x", ROLE_POOL)["spec"])["resources"]["requests"]
    share = options.worker_processes
    return ServiceSize(
        memory_mb=amount(wanted["memory"]) / (1 << 20) / share,
        vcpus=amount(wanted["cpu"]) / share,
        architecture="arm64" if options.architecture == "arm64" else "x86_64",
        provider=options.provider or "other",
        region=options.region,
    )


def placed(size: ServiceSize, node: Mapping[str, Any], options: KubernetesOptions) -> ServiceSize:
    """Return a size with the provider and the region of a node, unless options name them."""
    labels = node.get("metadata", {}).get("labels", {})
    scheme = str(node.get("spec", {}).get("providerID", "")).partition("://")[0]
    arm = labels.get("kubernetes.io/arch") == "arm64"
    return replace(
        size,
        provider=options.provider or _PROVIDERS.get(scheme) or size.provider,
        region=options.region or labels.get(REGION),
        architecture="arm64" if arm else size.architecture,
    )


async def size_there(api: Api, options: KubernetesOptions) -> ServiceSize:
    """Return what a pod reserves, and where; nodes may be looked at only with the right to."""
    size = size_of(options)
    query = [("limit", "1")]
    if options.node_selector:
        pairs = [f"{name}={value}" for name, value in options.node_selector.items()]
        query.append(("labelSelector", ",".join(pairs)))
    try:
        found = await api.request("GET", path("Node", None), query=query)
    except ServiceError as error:
        _log.debug("nodes are not looked at: %s", error)
        return size
    return placed(size, found["items"][0], options) if found["items"] else size
