"""A connection to a cluster, with its errors in terms of the one tree."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from kubernetes_asyncio import client, config
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.config.config_exception import ConfigException

from greenlithops.backends.compute.rest import reason
from greenlithops.errors import (
    ConfigurationError,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
)
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_LATER = {500, 502, 503, 504}


async def connect(path: str | None, context: str | None) -> tuple[client.ApiClient, str]:
    """Return an open client of a cluster, and the namespace that is meant if none is named.

    Args:
        path: the configuration file; None for ``KUBECONFIG``, ``~/.kube/config``, or a pod's own.
        context: the context in it; None for the current one.

    Raises:
        ConfigurationError: there is no such file or context.
    """
    settings, namespace = await off_loop(_settings, path, context)
    return client.ApiClient(settings), namespace


def _settings(path: str | None, context: str | None) -> tuple[client.Configuration, str]:
    settings = client.Configuration()
    if path is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        load: Any = config.load_incluster_config  # it has no types
        load(client_configuration=settings)
        return settings, _OWN_NAMESPACE.read_text().strip()
    try:
        # It reads files, and may run a program that gives a token.
        loader = asyncio.run(
            config.load_kube_config(
                config_file=path and str(Path(path).expanduser()),
                context=context,
                client_configuration=settings,
                persist_config=False,
            )
        )
    except (ConfigException, OSError) as error:
        raise ConfigurationError(
            f"the cluster's configuration cannot be read: {error}; give kubecfg_path, and "
            "kubecfg_context if it has several"
        ) from error
    current: Any = loader.current_context
    return settings, current["context"].get("namespace") or "default"


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn a cluster's errors into ours."""
    try:
        yield
    except ApiException as error:
        said = f"the cluster refused to {what}: {error.status}: {_reason(error)}"
        if error.status == 429:  # noqa: PLR2004 - too many requests
            raise Throttled(said) from error
        raise (ServiceUnavailable if error.status in _LATER else ServiceRefused)(said) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ServiceUnavailable(f"the cluster was not reached to {what}: {error!r}") from error


def _reason(error: ApiException) -> str:
    body = error.body or ""
    return reason(body if isinstance(body, str) else body.decode("utf-8", "replace"))


def is_missing(error: ServiceRefused) -> bool:
    """Return whether a cluster refused since something is not there."""
    cause = error.__cause__
    return isinstance(cause, ApiException) and cause.status == 404  # noqa: PLR2004 - HTTP's


def is_taken(error: ServiceRefused) -> bool:
    """Return whether a cluster refused since something is there already."""
    cause = error.__cause__
    return isinstance(cause, ApiException) and cause.status == 409  # noqa: PLR2004 - HTTP's
