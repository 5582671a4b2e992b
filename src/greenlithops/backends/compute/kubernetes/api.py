"""Speaks with the API server: plain manifests over kubernetes-asyncio's connection and credentials.

Its generated classes are not used: they would drop what this version of them does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from greenlithops.backends.compute.kubernetes import schema
from greenlithops.backends.compute.kubernetes.failures import NotThere, refusal
from greenlithops.errors import ConfigurationError, ServiceUnavailable
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from greenlithops.backends.compute.kubernetes.naming import Manifest
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions

REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 330.0  #: a watch is asked to end, and begin again, before
_NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_GROUPS = {
    "Deployment": "apps/v1", "Job": "batch/v1", "Pod": "v1", "Secret": "v1", "Event": "v1",
    "Node": "v1",
}  # fmt: skip
_TRIES = 5  #: of requests that may be repeated, while the server is away for a moment


def path(kind: str, namespace: str | None, name: str | None = None, more: str = "") -> str:
    """Return the path of objects of a kind, or of one of them."""
    version = _GROUPS[kind]
    root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{place}/{kind.lower()}s" + (f"/{name}" if name else "") + more


class Api:
    """One API server, as an executor uses it. Make one with `Api.open`."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    @classmethod
    async def open(cls, options: KubernetesOptions) -> Api:
        """Return the server that the options name; nothing has been asked of it.

        Raises:
            ConfigurationError: there is no such configuration.
        """
        # It reads files, and its import takes seconds.
        configuration, namespace = await off_loop(_configured, options)
        from kubernetes_asyncio.client import ApiClient  # noqa: PLC0415 - see above

        return cls(ApiClient(configuration), options.namespace or namespace)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def access(self) -> dict[str, Any] | None:
        """Return what a plain request needs to reach the server now; None if more is needed."""
        one = self._client.configuration
        if one.proxy or one.tls_server_name:
            return None
        headers: dict[str, str] = {}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"])
        return {
            "host": one.host,
            "headers": headers,
            "verify": one.verify_ssl,
            "ca": one.ssl_ca_cert,
            "cert": one.cert_file,
            "key": one.key_file,
        }

    # Requests.

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Iterable[tuple[str, str]] = (),
        content: str = "application/json",
        tries: int = 1,
    ) -> Any:
        """Return what the server answers.

        Raises:
            ServiceError: the one that its refusal means.
        """
        for left in range(tries - 1, -1, -1):
            try:
                response = await self._send(method, path, body, list(query), content)
                async with response:
                    text = await response.text()
                    if response.status < 300:  # noqa: PLR2004 - HTTP's success
                        return await _parsed(text)
                    error = refusal(response.status, response.headers, text, f"{method} {path}")
            except (aiohttp.ClientError, TimeoutError, OSError) as cause:
                error = ServiceUnavailable(f"the API server is not reached: {cause!r}")
                error.__cause__ = cause
            if not left or not isinstance(error, ServiceUnavailable):
                raise error
            await asyncio.sleep(0.2 * 2 ** (tries - left - 1))
        raise AssertionError("unreachable")

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: list[tuple[str, str]],
        content: str = "application/json",
        *,
        timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109 - of the connection
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": content}
        await self._client.update_params_for_auth(headers, query, ["BearerToken"])
        response: aiohttp.ClientResponse = await self._client.rest_client.request(
            method,
            self._client.configuration.host + path,
            query_params=query,
            headers=headers,
            body=body,
            _preload_content=False,
            _request_timeout=timeout
            or aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS),
        )
        return response

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object; one of the same name that was created before is returned as it is."""
        place = path(manifest["kind"], self.namespace)
        found: Manifest = await self.request("POST", place, manifest)
        return found

    async def patch(self, kind: str, name: str, change: Manifest, more: str = "") -> Manifest:
        """Change a part of an object."""
        place = path(kind, self.namespace, name, more)
        merge = "application/merge-patch+json"
        found: Manifest = await self.request("PATCH", place, change, content=merge, tries=_TRIES)
        return found

    async def delete(self, kind: str, name: str, *, propagation: str = "Background") -> None:
        """Delete an object and what it owns; one that is not there is fine.

        Args:
            kind: its kind.
            name: its name.
            propagation: ``Background``: at once, what it owns later; ``Foreground``: last.
        """
        body = {"propagationPolicy": propagation}
        with contextlib.suppress(NotThere):
            await self.request("DELETE", path(kind, self.namespace, name), body, tries=_TRIES)

    async def list(self, place: str, query: Iterable[tuple[str, str]]) -> Manifest:
        """Return a list of objects, with its resource version."""
        found: Manifest = await self.request("GET", place, query=query, tries=_TRIES)
        return found

    async def lines(self, place: str, query: Iterable[tuple[str, str]]) -> AsyncIterator[bytes]:
        """Give the lines of a watch until the server ends it."""
        limit = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
        )
        response = await self._send("GET", place, None, list(query), timeout=limit)
        async with response:
            if response.status != 200:  # noqa: PLR2004 - HTTP's OK
                text = await response.text()
                raise refusal(response.status, response.headers, text, f"watch {place}")
            async for line in response.content:
                yield line

    async def version(self) -> tuple[int, int]:
        """Return the server's version."""
        found = await self.request("GET", "/version", tries=_TRIES)
        major, minor = (
            int("".join(filter(str.isdigit, found[name])) or 0) for name in ("major", "minor")
        )
        return major, minor

    async def check(self, manifests: Iterable[Manifest]) -> None:
        """Hold manifests against the server's own schema.

        Raises:
            ConfigurationError: they do not fit it; the text says where.
        """
        document = await self.request("GET", "/openapi/v2", tries=_TRIES)
        for one in manifests:
            if found := schema.problems(document["definitions"], one):
                raise ConfigurationError("kubernetes: " + "; ".join(found))


async def _parsed(text: str) -> Any:
    if len(text) > 1 << 18:
        return await off_loop(json.loads, text)
    return json.loads(text)


def _configured(options: KubernetesOptions) -> tuple[Any, str]:
    """Return the client's configuration, and the namespace that goes with it; in a thread."""
    try:
        from kubernetes_asyncio import config  # noqa: PLC0415 - it takes seconds
        from kubernetes_asyncio.client import Configuration  # noqa: PLC0415 - the same
    except ImportError as missing:
        raise ConfigurationError(
            "the backend kubernetes needs kubernetes-asyncio: "
            "pip install 'greenlithops[kubernetes]'"
        ) from missing
    configuration = Configuration()
    configuration.connection_pool_maxsize = 100
    try:
        if _inside(options):
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # it is untyped
            return configuration, Path(_NAMESPACE_FILE).read_text("utf-8").strip()
        given = options.kubeconfig
        file = str(Path(given).expanduser()) if given else None
        if file and not Path(file).is_file():
            raise ConfigurationError(f"kubernetes: there is no kubeconfig {file}")
        asyncio.run(
            config.load_kube_config(
                config_file=file, context=options.context, client_configuration=configuration
            )
        )
        contexts, active = config.list_kube_config_contexts(config_file=file)
    except (config.ConfigException, OSError) as error:
        raise ConfigurationError(
            f"kubernetes: the cluster's configuration cannot be used: {error}; give kubeconfig "
            "and context, or set KUBECONFIG"
        ) from error
    chosen: Any = next((one for one in contexts if one["name"] == options.context), active)
    return configuration, chosen["context"].get("namespace") or "default"


def _inside(options: KubernetesOptions) -> bool:
    if options.in_cluster is not None:
        return options.in_cluster
    named = options.kubeconfig or options.context or os.environ.get("KUBECONFIG")
    there = named or Path("~/.kube/config").expanduser().exists()
    return not there and Path(_NAMESPACE_FILE).exists()
