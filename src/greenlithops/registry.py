"""Names of backends and where they are; none is imported before it is chosen."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from greenlithops.errors import BackendNotFound, UsageError
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.objects import StorageBackend
    from greenlithops.protocols import SupportsInvocations, SupportsWorkers

ENTRY_POINTS = "greenlithops.compute"
STORAGE_ENTRY_POINTS = "greenlithops.storage"

_KUBERNETES = (
    "greenlithops.backends.compute.kubernetes.backend",
    "kubernetes",
    "pip install 'greenlithops[kubernetes]'",
)

#: name: module, class, how to install what it needs
COMPUTE = {
    "aliyun_fc": (
        "greenlithops.backends.compute.aliyun_fc.backend",
        "aliyun_fc",
        "pip install 'greenlithops[http]'",
    ),
    "aws_lambda": (
        "greenlithops.backends.compute.aws_lambda.backend",
        "aws_lambda",
        "pip install 'greenlithops[aws]'",
    ),
    "code_engine": (
        "greenlithops.backends.compute.code_engine.backend",
        "code_engine",
        "pip install 'greenlithops[http]'",
    ),
    "azure_containers": (
        "greenlithops.backends.compute.azure_containers.backend",
        "azure_containers",
        "pip install 'greenlithops[azure]'",
    ),
    "azure_functions": (
        "greenlithops.backends.compute.azure_functions.backend",
        "azure_functions",
        "pip install 'greenlithops[azure]'",
    ),
    "gcp_cloudrun": (
        "greenlithops.backends.compute.gcp_cloudrun.backend",
        "gcp_cloudrun",
        "pip install 'greenlithops[gcp]'",
    ),
    "gcp_functions": (
        "greenlithops.backends.compute.gcp_functions.backend",
        "gcp_functions",
        "pip install 'greenlithops[gcp]'",
    ),
    "http": (
        "greenlithops.backends.compute.http.backend",
        "HttpBackend",
        "pip install 'greenlithops[http]'",
    ),
    "inline": ("greenlithops.backends.compute.inline", "InlineBackend", None),
    "knative": (
        "greenlithops.backends.compute.knative.backend",
        "knative",
        "pip install 'greenlithops[http,kubernetes]'",
    ),
    "k8s": _KUBERNETES,
    "kubernetes": _KUBERNETES,
    "localhost": ("greenlithops.backends.compute.localhost", "LocalhostBackend", None),
    "openwhisk": (
        "greenlithops.backends.compute.openwhisk.backend",
        "openwhisk",
        "pip install 'greenlithops[http]'",
    ),
    "oracle_f": (
        "greenlithops.backends.compute.oracle_f.backend",
        "oracle_f",
        "pip install 'greenlithops[oracle]'",
    ),
}


_STORAGE = "greenlithops.backends.storage"
_S3 = f"{_STORAGE}.s3.services"
_AWS = "pip install 'greenlithops[aws]'"
_GCS = (f"{_STORAGE}.gcs", "GcsStorage", "pip install 'greenlithops[gcp]'")
_AZURE = (f"{_STORAGE}.azure", "AzureStorage", "pip install 'greenlithops[azure]'")
_REDIS = (f"{_STORAGE}.redis", "RedisStorage", "pip install 'greenlithops[redis]'")

#: name: module, class or function that makes it, how to install what it needs
STORAGE = {
    "memory": (f"{_STORAGE}.memory", "MemoryStorage", None),
    "localhost": (f"{_STORAGE}.localhost", "LocalhostStorage", None),
    "s3": (_S3, "s3", _AWS),
    "seaweedfs": (_S3, "seaweedfs", _AWS),
    "r2": (_S3, "r2", _AWS),
    "aws_s3": (_S3, "aws_s3", _AWS),
    "minio": (_S3, "minio", _AWS),
    "ceph": (_S3, "ceph", _AWS),
    "ibm_cos": (_S3, "ibm_cos", _AWS),
    "aliyun_oss": (_S3, "aliyun_oss", _AWS),
    "oracle_oss": (_S3, "oracle_oss", _AWS),
    "gcs": _GCS,
    "gcp_storage": _GCS,
    "azure": _AZURE,
    "azure_storage": _AZURE,
    "redis": _REDIS,
}

#: the storage that a URL's scheme names
SCHEMES = {
    "memory": "memory",
    "localhost": "localhost",
    "s3": "s3",
    "gs": "gcs",
    "az": "azure",
    "cos": "ibm_cos",
    "redis": "redis",
}


def same_storage(name: str, other: str) -> bool:
    """Return whether two names stand for the same kind of storage, such as Lithops' and ours."""
    return name == other or (name in STORAGE and STORAGE[name] == STORAGE.get(other))


async def compute_backend(
    name: str, options: Mapping[str, Any] = MappingProxyType({})
) -> SupportsWorkers | SupportsInvocations:
    """Return a new compute backend.

    Args:
        name: one of `COMPUTE`, or one that another package provides.
        options: the keyword arguments of what makes it.

    Raises:
        BackendNotFound: no backend has this name, or what it needs is not installed.
    """
    if name in COMPUTE:
        factory = _imported(name, COMPUTE[name])
    else:
        # It looks at every installed package.
        factory = await off_loop(_entry_point, "compute backend", ENTRY_POINTS, name, [*COMPUTE])
    _check_options("backend", name, factory, options)
    backend: SupportsWorkers | SupportsInvocations = factory(**options)
    return backend


def storage_backend(name: str, options: Mapping[str, Any]) -> StorageBackend:
    """Return a new storage backend.

    Args:
        name: one of `STORAGE`, or one that another package provides.
        options: the keyword arguments of what makes it.

    Raises:
        BackendNotFound: no storage has this name, or what it needs is not installed.
        UsageError: it has no such option.
    """
    if name in STORAGE:
        factory = _imported(name, STORAGE[name])
    else:
        factory = _entry_point("storage", STORAGE_ENTRY_POINTS, name, [*STORAGE])
    _check_options("storage", name, factory, options)
    backend: StorageBackend = factory(**options)
    return backend


def _check_options(what: str, name: str, factory: Any, options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(factory).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for option in options:
        if option not in parameters:
            hint = _hint(option, [*parameters]) if parameters else "it has none"
            raise UsageError(f"the {what} {name!r} has no option {option!r}; {hint}")


def _imported(name: str, place: tuple[str, str, str | None]) -> Any:
    module, attribute, hint = place
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if hint is None:
            raise
        raise BackendNotFound(f"the backend {name!r} needs {error.name}: {hint}") from error


def _entry_point(what: str, group: str, name: str, own: list[str]) -> Any:
    from importlib.metadata import entry_points  # noqa: PLC0415 - only for names of others

    found = {point.name: point for point in entry_points(group=group)}
    if name in found:
        return found[name].load()
    raise BackendNotFound(f"there is no {what} {name!r}; {_hint(name, [*own, *found])}")


def _hint(name: str, known: list[str]) -> str:
    import difflib  # noqa: PLC0415 - only for names that are wrong

    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
