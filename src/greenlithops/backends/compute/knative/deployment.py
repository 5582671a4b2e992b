"""Services in a cluster: made, brought up to date, waited for, listed and deleted."""

from __future__ import annotations

import base64
import contextlib
import secrets
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio import client as kubernetes

from greenlithops.backends.compute.knative import manifests
from greenlithops.backends.compute.knative.cluster import asking, is_missing, is_taken
from greenlithops.backends.compute.rest import becomes
from greenlithops.backends.compute.services import Deployed
from greenlithops.errors import ConfigurationError, ServiceRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from greenlithops.backends.compute.knative.options import KnativeOptions

_PLACE: Any = {"group": manifests.GROUP, "version": manifests.VERSION, "plural": manifests.PLURAL}
PAGE = 100


class Services:
    """The Services of a namespace.

    Args:
        connection: the cluster's client.
        namespace: the namespace.
    """

    def __init__(self, connection: kubernetes.ApiClient, namespace: str) -> None:
        self.namespace = namespace
        # Its types do not know that it takes manifests as dictionaries, too.
        self._custom: Any = kubernetes.CustomObjectsApi(connection)
        self._core: Any = kubernetes.CoreV1Api(connection)

    async def ensure(self, options: KnativeOptions) -> tuple[dict[str, Any], str]:
        """Return the Service with these options when it is ready, and its key.

        Raises:
            ConfigurationError: a Service of somebody else's has the name.
            ServiceRefused: the cluster does not take it, or it does not become ready.
            ServiceUnavailable: it is not ready in time.
        """
        wanted = manifests.service(options)
        name = wanted["metadata"]["name"]
        found = await self.find(name)
        if found is not None and not _own(found):
            raise ConfigurationError(
                f"knative: the Service {name} is none of greenlithops: give another name"
            )
        key = await self._key(name)
        if options.docker_password is not None:
            await self._secret(manifests.pull_secret(options, name))
        if found is None:
            with contextlib.suppress(_Taken):
                await self._create(wanted)
        elif _made_of(found) != _made_of(wanted):
            with asking(f"update {name}"):
                await self._custom.patch_namespaced_custom_object(
                    **_PLACE,
                    namespace=self.namespace,
                    name=name,
                    body=wanted,
                    _content_type="application/merge-patch+json",
                )
        ready = await becomes(
            lambda: self._ready(name), f"the Service {name}", options.ready_seconds, first=0.1
        )
        return ready, key

    async def find(self, name: str) -> dict[str, Any] | None:
        """Return a Service, or None."""
        try:
            with asking(f"look at {name}"):
                found: dict[str, Any] = await self._custom.get_namespaced_custom_object(
                    **_PLACE, namespace=self.namespace, name=name
                )
                return found
        except ServiceRefused as error:
            if is_missing(error):
                return None
            raise

    async def _create(self, wanted: dict[str, Any]) -> None:
        name = wanted["metadata"]["name"]
        try:
            with asking(f"create {name}"):
                await self._custom.create_namespaced_custom_object(
                    **_PLACE, namespace=self.namespace, body=wanted
                )
        except ServiceRefused as error:
            if is_taken(error):  # somebody else was faster
                raise _Taken from error
            raise

    async def _ready(self, name: str) -> dict[str, Any] | None:
        found = await self.find(name)
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
        wanted = manifests.key_secret(name, secrets.token_hex(32))
        try:
            with asking(f"make the secret {name}"):
                await self._core.create_namespaced_secret(self.namespace, wanted)
        except ServiceRefused as error:
            if not is_taken(error):
                raise
            with asking(f"read the secret {name}"):
                found = await self._core.read_namespaced_secret(name, self.namespace)
            wanted = {"data": found.data or {}}
        if manifests.KEY not in wanted["data"]:
            raise ConfigurationError(f"knative: the secret {name} is none of greenlithops")
        return base64.b64decode(wanted["data"][manifests.KEY]).decode()

    async def _secret(self, wanted: dict[str, Any]) -> None:
        name = wanted["metadata"]["name"]
        try:
            with asking(f"make the secret {name}"):
                await self._core.create_namespaced_secret(self.namespace, wanted)
        except ServiceRefused as error:
            if not is_taken(error):
                raise
            with asking(f"update the secret {name}"):
                await self._core.replace_namespaced_secret(name, self.namespace, wanted)

    async def all(self) -> AsyncIterator[Deployed]:
        """Give the Services of greenlithops in this namespace."""
        more: Any = {}
        while True:
            with asking("list Services"):
                page = await self._custom.list_namespaced_custom_object(
                    **_PLACE,
                    namespace=self.namespace,
                    label_selector=manifests.SELECTOR,
                    limit=PAGE,
                    **more,
                )
            for one in page.get("items") or ():
                yield deployed(one)
            if not (after := (page.get("metadata") or {}).get("continue")):
                return
            more = {"_continue": after}

    async def delete(self, name: str) -> None:
        """Delete a Service with its secrets; a missing one is fine."""
        if (found := await self.find(name)) is not None and not _own(found):
            raise ConfigurationError(f"knative: the Service {name} is none of greenlithops")
        with _missing_is_fine(), asking(f"delete {name}"):
            await self._custom.delete_namespaced_custom_object(
                **_PLACE, namespace=self.namespace, name=name, propagation_policy="Foreground"
            )
        for secret in (name, manifests.pull_secret_name(name)):
            with _missing_is_fine(), asking(f"delete the secret {secret}"):
                await self._core.delete_namespaced_secret(secret, self.namespace)

    async def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that the pods of a Service have written, pod by pod."""
        with asking(f"look for the pods of {name}"):
            pods = await self._core.list_namespaced_pod(
                self.namespace, label_selector=f"serving.knative.dev/service={name}"
            )
        for pod in pods.items:
            with asking(f"read the log of {pod.metadata.name}"):
                text = await self._core.read_namespaced_pod_log(
                    pod.metadata.name,
                    self.namespace,
                    container="user-container",
                    since_seconds=max(1, round(seconds)),
                )
            for line in (text or "").splitlines():
                yield line

    async def ingress(self, layer: str) -> str:
        """Return the URL of the ingress of a networking layer.

        Raises:
            ConfigurationError: it has no address that could be reached from here.
        """
        name, namespace = {
            "kourier": ("kourier", "kourier-system"),
            "istio": ("istio-ingressgateway", "istio-system"),
        }[layer]
        with asking(f"look at {namespace}/{name}"):
            found = await self._core.read_namespaced_service(name, namespace)
        balancer = found.status.load_balancer if found.status else None
        for one in (balancer.ingress if balancer else None) or ():
            if host := one.hostname or one.ip:
                return f"http://{host}"
        raise ConfigurationError(
            f"knative: {namespace}/{name} has no external address: give ingress_endpoint, such as "
            "the address of a node with its port"
        )


@contextlib.contextmanager
def _missing_is_fine() -> Iterator[None]:
    try:
        yield
    except ServiceRefused as error:
        if not is_missing(error):
            raise


class _Taken(Exception):
    """Somebody else has made a Service of this name meanwhile."""


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


def deployed(found: dict[str, Any]) -> Deployed:
    """Return a Service as what is deployed."""
    pod = found["spec"]["template"]["spec"]
    container = pod["containers"][0]
    conditions = {one["type"]: one for one in (found.get("status") or {}).get("conditions") or ()}
    ready = conditions.get("Ready", {})
    memory = container.get("resources", {}).get("limits", {}).get("memory", "0Mi")
    return Deployed(
        name=found["metadata"]["name"],
        runtime=container["image"],
        memory_mb=float(memory.removesuffix("Mi")),
        timeout_seconds=pod.get("timeoutSeconds"),
        made_of=_made_of(found),
        state="Ready" if ready.get("status") == "True" else ready.get("reason") or "Unknown",
        url=(found.get("status") or {}).get("url") or "",
    )
