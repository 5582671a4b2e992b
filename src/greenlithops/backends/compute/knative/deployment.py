"""Services in a cluster: made, brought up to date, waited for, listed and deleted."""

from __future__ import annotations

import base64
import contextlib
import secrets
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.hosted import Service
from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.backends.compute.knative import manifests
from greenlithops.backends.compute.knative.address import address, ingress_of
from greenlithops.backends.compute.kubernetes.api import Api
from greenlithops.backends.compute.kubernetes.failures import Exists, NotThere
from greenlithops.backends.compute.rest import becomes
from greenlithops.errors import ConfigurationError, ServiceRefused, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from greenlithops.backends.compute.knative.options import KnativeOptions

PAGE = "100"
_MERGE = "application/merge-patch+json"
_TRIES = 5  #: of requests that may be repeated


class KnativeDeployer:
    """The Services of a namespace.

    Args:
        options: what the one that is wanted is like, and where.
    """

    def __init__(self, options: KnativeOptions) -> None:
        self.options = options
        self._api: Api | None = None
        self._host: dict[str, str] = {}

    async def open(self) -> None:
        """Find the cluster and the credentials."""
        where: Any = self.options  # it says where a cluster is under the names of KubernetesOptions
        self._api = await Api.open(where)

    async def close(self) -> None:
        """Close the connections."""
        api, self._api = self._api, None
        if api is not None:
            await api.close()

    def _opened(self) -> Api:
        if self._api is None:
            raise ServiceUnavailable("the backend is not open")
        return self._api

    def _place(self, name: str | None = None) -> str:
        place = f"/apis/{manifests.GROUP}/{manifests.VERSION}/namespaces/{self._opened().namespace}"
        return f"{place}/{manifests.PLURAL}" + (f"/{name}" if name else "")

    def _core(self, kind: str, name: str = "") -> str:
        place = f"/api/v1/namespaces/{self._opened().namespace}/{kind}"
        return f"{place}/{name}" if name else place

    async def ensure(self) -> Service:
        """Return the Service with these options when it is ready."""
        api, options = self._opened(), self.options
        wanted = manifests.service(options)
        name = wanted["metadata"]["name"]
        found = await self._found(name)
        if found is not None and not _own(found):
            raise ConfigurationError(
                f"knative: the Service {name} is none of greenlithops: give another name"
            )
        key = await self._key(name)
        if options.docker_password is not None:
            await self._secret(manifests.pull_secret(options, name))
        if found is None:
            with contextlib.suppress(Exists):  # somebody else was faster
                await api.request("POST", self._place(), wanted)
        elif _made_of(found) != _made_of(wanted):
            place = self._place(name)
            await api.request("PATCH", place, wanted, content=_MERGE, tries=_TRIES)
        ready = await becomes(
            lambda: self._ready(name), f"the Service {name}", options.ready_seconds, first=0.1
        )
        ingress = options.ingress_endpoint
        if ingress is None and options.networking_layer is not None:
            ingress = await ingress_of(api, options.networking_layer)
        url, host = address(ready, ingress, options.service_host_suffix)
        self._host = {} if host is None else {"Host": host}
        return _service(ready, url, key)

    async def _found(self, name: str) -> dict[str, Any] | None:
        with contextlib.suppress(NotThere):
            found: dict[str, Any] = await self._opened().request(
                "GET", self._place(name), tries=_TRIES
            )
            return found
        return None

    async def _ready(self, name: str) -> dict[str, Any] | None:
        found = await self._found(name)
        if found is None:
            raise ServiceRefused(f"the Service {name} was deleted while it was made")
        status = found.get("status") or {}
        if status.get("observedGeneration") != found["metadata"].get("generation"):
            return None
        conditions = {one["type"]: one for one in status.get("conditions") or ()}
        state = conditions.get("Ready", {}).get("status")
        if state == "False":
            raise ServiceRefused(f"the Service {name} cannot be made: {_why(conditions)}")
        return found if state == "True" else None

    async def _key(self, name: str) -> str:
        """Return the key in a Service's secret; made if there is none."""
        api, wanted = self._opened(), manifests.key_secret(name, secrets.token_hex(32))
        try:
            await api.request("POST", self._core("secrets"), wanted)
        except Exists:
            wanted = await api.request("GET", self._core("secrets", name), tries=_TRIES)
        data = wanted.get("data") or {}
        if manifests.KEY not in data:
            raise ConfigurationError(f"knative: the secret {name} is none of greenlithops")
        return base64.b64decode(data[manifests.KEY]).decode()

    async def _secret(self, wanted: dict[str, Any]) -> None:
        api, name = self._opened(), wanted["metadata"]["name"]
        try:
            await api.request("POST", self._core("secrets"), wanted)
        except Exists:
            await api.request("PUT", self._core("secrets", name), wanted, tries=_TRIES)

    async def headers(self) -> Mapping[str, str]:
        """Return the host that a request names, where it goes to the ingress' own address."""
        return self._host

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what an HTTP status other than 200 means for the calls of an invocation."""
        return refusal(status, headers, text)

    async def services(self) -> AsyncIterator[Service]:
        """Give the Services of greenlithops in this namespace."""
        query = {"labelSelector": manifests.SELECTOR, "limit": PAGE}
        while True:
            page = await self._opened().list(self._place(), query.items())
            for one in page.get("items") or ():
                yield _service(one, (one.get("status") or {}).get("url"), None)
            if not (after := (page.get("metadata") or {}).get("continue")):
                return
            query["continue"] = after

    async def delete(self, name: str) -> None:
        """Delete a Service with its secrets; a missing one is fine."""
        if (found := await self._found(name)) is not None and not _own(found):
            raise ConfigurationError(f"knative: the Service {name} is none of greenlithops")
        api = self._opened()
        places = [
            self._place(name),
            self._core("secrets", name),
            self._core("secrets", manifests.pull_secret_name(name)),
        ]
        for place in places:
            with contextlib.suppress(NotThere):
                await api.request(
                    "DELETE", place, {"propagationPolicy": "Foreground"}, tries=_TRIES
                )

    async def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that the pods which are there have written, pod by pod."""
        api = self._opened()
        selector = ("labelSelector", f"serving.knative.dev/service={name}")
        pods = await api.list(self._core("pods"), [selector])
        query = [("container", "user-container"), ("sinceSeconds", str(max(1, round(seconds))))]
        for pod in pods["items"]:
            place = self._core("pods", f"{pod['metadata']['name']}/log")
            with contextlib.suppress(NotThere):  # it has ended meanwhile
                async for line in api.lines(place, query):
                    yield line.decode("utf-8", "replace").rstrip("\n")


def _own(found: dict[str, Any]) -> bool:
    labels = found["metadata"].get("labels") or {}
    return manifests.OWNER.items() <= labels.items()


def _made_of(found: dict[str, Any]) -> str | None:
    made: str | None = (found["metadata"].get("annotations") or {}).get(manifests.MADE_OF)
    return made


def _why(conditions: dict[str, dict[str, Any]]) -> str:
    """Return what is wrong; what is below Ready says it best."""
    order = sorted(conditions, key=lambda name: name == "Ready")
    wrong = [conditions[name] for name in order if conditions[name].get("status") == "False"]
    first = wrong[0] if wrong else {}
    return f"{first.get('reason', 'no reason is known')}: {first.get('message', '')}".rstrip(": ")


def _service(found: dict[str, Any], url: str | None, key: str | None) -> Service:
    """Return a Service of Knative's as a service that is there."""
    pod = found["spec"]["template"]["spec"]
    memory = pod["containers"][0].get("resources", {}).get("limits", {}).get("memory", "")
    return Service(
        name=found["metadata"]["name"],
        url=url,
        memory_mb=float(memory.removesuffix("Mi")) if memory.endswith("Mi") else None,
        timeout_seconds=pod.get("timeoutSeconds"),
        package=pod["containers"][0]["image"],
        modified=str(found["metadata"].get("creationTimestamp") or ""),
        key=key,
    )
