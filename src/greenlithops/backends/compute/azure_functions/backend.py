"""Invokes a function app of Azure, which is deployed when its backend is opened."""

from __future__ import annotations

from typing import Any

from greenlithops.backends.compute.azure_functions.deployment import AzureFunctionsDeployer
from greenlithops.backends.compute.azure_functions.options import NAME, AzureFunctionsOptions
from greenlithops.backends.compute.azure_functions.queued import QueuedBackend
from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.models import Limits, ServiceSize

MOST_REQUEST = 100 << 20  #: bytes of a request; Azure's own limit is about twice that


def azure_functions(**options: Any) -> HostedBackend:
    """Return a backend for function apps of Azure.

    Args:
        options: see `AzureFunctionsOptions`.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    found = AzureFunctionsOptions.of(options)
    limits = Limits(
        payload_bytes=None if found.asynchronous else MOST_REQUEST,
        concurrency=found.max_workers,
        seconds=found.runtime_timeout,
        memory_bytes=found.memory << 20,
        processes=found.worker_processes,
    )
    size = ServiceSize(
        memory_mb=found.memory,
        vcpus=found.sizes[found.memory],
        tariff="azure-functions-flex" if found.plan == "flex" else "azure-functions",
        provider="Azure",
        region=found.region,
    )
    deployer, patience = AzureFunctionsDeployer(found), found.patience
    if not found.asynchronous:
        return HostedBackend(NAME, deployer, limits=limits, size=size, patience=patience)
    seconds = (found.queue_seconds, found.runtime_timeout)
    return QueuedBackend(
        NAME, deployer, limits=limits, size=size, patience=patience, seconds=seconds
    )
