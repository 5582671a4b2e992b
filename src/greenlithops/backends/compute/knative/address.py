"""Where a Knative Service is invoked: at its own name, or at an ingress that looks at the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarl import URL

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.kubernetes.api import Api

_INGRESSES = {
    "kourier": "/api/v1/namespaces/kourier-system/services/kourier",
    "istio": "/api/v1/namespaces/istio-system/services/istio-ingressgateway",
}


def address(
    found: Mapping[str, Any], ingress: str | None, suffix: str | None
) -> tuple[str, str | None]:
    """Return where a Service is invoked, and the host that a request must name; None for the URL's.

    Args:
        found: the Service.
        ingress: the URL of the ingress, where the Service's own host is not known to DNS.
        suffix: what the Service's host ends with, instead of what Knative says.
    """
    said = URL(found["status"]["url"])
    host = said.host or ""
    if suffix is not None:
        place = found["metadata"]
        host = f"{place['name']}.{place.get('namespace', 'default')}.{suffix.strip('.')}"
    if ingress is not None:
        return str(URL(ingress).with_path("/")), host
    return str(said.with_host(host).with_path("/")), None


async def ingress_of(api: Api, layer: str) -> str:
    """Return the URL of the ingress of a networking layer.

    Raises:
        ConfigurationError: it has no address that could be reached from here.
    """
    found = await api.request("GET", _INGRESSES[layer])
    balancer = (found.get("status") or {}).get("loadBalancer") or {}
    for one in balancer.get("ingress") or ():
        if host := one.get("hostname") or one.get("ip"):
            return f"http://{host}"
    raise ConfigurationError(
        f"knative: the ingress of {layer} has no external address: give ingress_endpoint, such as "
        "the address of a node with its port"
    )
