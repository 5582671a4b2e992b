"""Whose machines a cluster's nodes are, and where: what their labels say, for energy and carbon."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.compute.kubernetes.api import path
from greenlithops.backends.compute.kubernetes.naming import ROLE_POOL, SESSION
from greenlithops.backends.compute.kubernetes.pods import template, worker_of
from greenlithops.backends.compute.kubernetes.values import amount
from greenlithops.errors import ServiceError
from greenlithops.models import CallJoules, ServiceSize, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.kubernetes.api import Api
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions

REGION = "topology.kubernetes.io/region"
TYPE = "node.kubernetes.io/instance-type"
MOST = 500  #: nodes that are looked at at once; others when a pod is on one
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


def worker_requests(pod: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what the workers' container of a pod reserves."""
    found: Mapping[str, str] = worker_of(pod["spec"]).get("resources", {}).get("requests", {})
    return found


class Nodes:
    """The nodes of a cluster, which may be looked at only with the right to.

    Args:
        api: the server.
        options: what pods are like.
    """

    def __init__(self, api: Api, options: KubernetesOptions) -> None:
        self._api = api
        self._options = options
        self._types: dict[str, str | None] = {}

    async def size(self, session: str) -> ServiceSize:
        """Return what a pod reserves for each of its calls, and where.

        Args:
            session: whose pods they are; those of an installed pool say themselves what they have.
        """
        options = self._options
        if options.pool is not None:
            query = [("labelSelector", f"{SESSION}={session}"), ("limit", "1")]
            there = await self._api.list(path("Pod", self._api.namespace), query)
            for pod in there["items"]:
                wanted = worker_requests(pod)
                cpu, memory = wanted.get("cpu"), wanted.get("memory")
                options = replace(options, cpu=cpu, memory=memory)
        found = size_of(options)
        query = [("limit", str(MOST))]
        if options.node_selector:
            pairs = [f"{name}={value}" for name, value in options.node_selector.items()]
            query.append(("labelSelector", ",".join(pairs)))
        try:
            nodes = (await self._api.request("GET", path("Node", None), query=query))["items"]
        except ServiceError as error:
            _log.debug("nodes are not looked at: %s", error)
            return found
        for node in nodes:
            self._types[node["metadata"]["name"]] = _type_of(node)
        return placed(found, nodes[0], options) if nodes else found

    async def machine_type(self, node: str | None) -> str | None:
        """Return what its provider calls a node's machine; None if that is not known."""
        if node is None:
            return None
        if node not in self._types:
            self._types[node] = None
            try:
                self._types[node] = _type_of(
                    await self._api.request("GET", path("Node", None, node))
                )
            except ServiceError as error:
                _log.debug("the node %s is not looked at: %s", node, error)
        return self._types[node]


def _type_of(node: Mapping[str, Any]) -> str | None:
    labels = node["metadata"].get("labels", {})
    found: str | None = labels.get(TYPE)
    return found


def told(figures: Any, machine_type: str | None) -> Told | None:
    """Return what is known of where a reply's calls ran; None if nothing is.

    Args:
        figures: what the pod has measured of them; None if it has not.
        machine_type: of its node.
    """
    if not figures:
        return Told(machine_type) if machine_type else None
    calls = [CallJoules(**one) if one is not None else None for one in figures["calls"]]
    return Told(machine_type, figures["method"], figures["reason"], calls)
