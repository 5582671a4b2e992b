"""Invokes an application of IBM Code Engine, which is deployed when the backend is opened."""

from __future__ import annotations

from typing import Any

from greenlithops.backends.compute.code_engine.deployment import CodeEngineDeployer
from greenlithops.backends.compute.code_engine.options import CodeEngineOptions
from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.models import Limits, ServiceSize


def code_engine(**options: Any) -> HostedBackend:
    """Return a backend for an application of Code Engine.

    What calls cost is not told: instances are billed for as long as they are there, whatever runs.

    Args:
        options: see `CodeEngineOptions`.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    found = CodeEngineOptions.of(options)
    return HostedBackend(
        "code_engine",
        CodeEngineDeployer(found),
        limits=Limits(
            concurrency=found.max_scale * found.container_concurrency,
            seconds=found.runtime_timeout,
            memory_bytes=found.runtime_memory << 20,
            processes=found.worker_processes,
        ),
        size=ServiceSize(
            memory_mb=found.runtime_memory / found.container_concurrency,
            vcpus=found.runtime_cpu / found.container_concurrency,
            provider="other",
            region=found.region,
        ),
        patience=found.patience,
    )
