"""Invokes a Knative Service, which is deployed when the backend is opened."""

from __future__ import annotations

from typing import Any

from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.backends.compute.knative.deployment import KnativeDeployer
from greenlithops.backends.compute.knative.options import KnativeOptions
from greenlithops.models import Limits, ServiceSize


def knative(**options: Any) -> HostedBackend:
    """Return a backend for a Knative Service.

    What calls cost is not told: nobody says what a cluster costs.

    Args:
        options: see `KnativeOptions`.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    found = KnativeOptions.of(options)
    return HostedBackend(
        "knative",
        KnativeDeployer(found),
        limits=Limits(
            concurrency=found.max_scale * found.container_concurrency,
            seconds=found.runtime_timeout,
            memory_bytes=found.runtime_memory << 20,
            processes=found.worker_processes,
        ),
        size=ServiceSize(
            memory_mb=found.runtime_memory / found.container_concurrency,
            vcpus=found.runtime_cpu / found.container_concurrency,
            provider=found.provider,
            region=found.region,
        ),
        patience=found.patience,
    )
