"""Invokes a Knative Service, which is deployed when the backend is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from yarl import URL

from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.backends.compute.knative.cluster import connect
from greenlithops.backends.compute.knative.deployment import Services, deployed
from greenlithops.backends.compute.knative.manifests import service_name
from greenlithops.backends.compute.knative.options import KnativeOptions
from greenlithops.errors import ServiceUnavailable
from greenlithops.models import Limits, Reply, ServiceSize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from kubernetes_asyncio.client import ApiClient

    from greenlithops.backends.compute.services import Deployed


def knative(**options: Any) -> KnativeBackend:
    """Return a backend for a Knative Service; see `KnativeOptions` for what it takes.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    return KnativeBackend(KnativeOptions.of(options))


class KnativeBackend:
    """Runs calls in a Knative Service, which is deployed when this is opened.

    Args:
        options: what the Service is like.
    """

    name = "knative"

    def __init__(self, options: KnativeOptions) -> None:
        self.options = options
        self.patience = options.patience
        self.limits = Limits(
            concurrency=options.max_scale * options.container_concurrency,
            seconds=options.runtime_timeout,
            memory_bytes=options.runtime_memory << 20,
        )
        self.size = ServiceSize(
            memory_mb=options.runtime_memory / options.container_concurrency,
            vcpus=options.runtime_cpu / options.container_concurrency,
            provider=options.provider,
            region=options.region,
        )
        self.key = b""
        self.function: Deployed | None = None  #: what is invoked, while this is open
        self._connection: ApiClient | None = None
        self._services: Services | None = None
        self._http: HttpBackend | None = None

    async def __aenter__(self) -> Self:
        options = self.options
        connection, usual = await connect(options.kubecfg_path, options.kubecfg_context)
        try:
            services = Services(connection, options.namespace or usual)
            found, key = await services.ensure(options)
            self.function = deployed(found)
            ingress = options.ingress_endpoint
            if ingress is None and options.networking_layer is not None:
                ingress = await services.ingress(options.networking_layer)
            url, host = address(found, ingress, options.service_host_suffix)
            http = HttpBackend(
                url,
                key,
                concurrency=self.limits.concurrency or 1,
                headers=None if host is None else _saying(host),
            )
            await http.__aenter__()
        except BaseException:
            await connection.close()
            raise
        self.key = key.encode()
        self._connection, self._services, self._http = connection, services, http
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        http, self._http = self._http, None
        connection, self._connection = self._connection, None
        self._services = None
        if http is not None:
            await http.__aexit__(kind, error, trace)
        if connection is not None:
            await connection.close()

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        if self._http is None:
            raise ServiceUnavailable("the backend is not open")
        return await self._http.invoke(body)

    # What is deployed.

    async def functions(self) -> AsyncIterator[Deployed]:
        """Give all Services of greenlithops in this namespace."""
        async for one in self._open().all():
            yield one

    async def delete(self, name: str | None = None) -> None:
        """Delete a Service, by default the one that is invoked; a missing one is fine."""
        await self._open().delete(name or service_name(self.options))

    async def logs(self, seconds: float = 3600.0) -> AsyncIterator[str]:
        """Give the lines that the pods which are there have written.

        Args:
            seconds: how far to go back.
        """
        async for line in self._open().logs(service_name(self.options), seconds):
            yield line

    def _open(self) -> Services:
        if self._services is None:
            raise ServiceUnavailable("the backend is not open")
        return self._services

    def __repr__(self) -> str:
        return f"<KnativeBackend {service_name(self.options)}>"


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


def _saying(host: str) -> Any:
    async def headers() -> Mapping[str, str]:
        return {"Host": host}

    return headers
