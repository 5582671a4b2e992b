"""Invokes a container app of Azure's, which is deployed when its backend is opened."""

from __future__ import annotations

from typing import Any

from greenlithops.backends.compute.azure_containers.deployment import ContainersDeployer
from greenlithops.backends.compute.azure_containers.options import NAME, ContainersOptions
from greenlithops.backends.compute.azure_functions.backend import MOST_REQUEST
from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.models import Limits, ServiceSize


def azure_containers(**options: Any) -> HostedBackend:
    """Return a backend for apps of Azure Container Apps.

    Args:
        options: see `ContainersOptions`.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    found = ContainersOptions.of(options)
    return HostedBackend(
        NAME,
        ContainersDeployer(found),
        limits=Limits(
            payload_bytes=MOST_REQUEST,
            concurrency=found.max_workers,
            seconds=found.runtime_timeout,
            memory_bytes=found.runtime_memory << 20,
            processes=found.worker_processes,
        ),
        # Replicas are billed for as long as they are there, whatever calls take of that.
        size=ServiceSize(
            memory_mb=found.runtime_memory,
            vcpus=found.vcpus,
            provider="Azure",
            region=found.region,
        ),
        patience=found.patience,
    )
