"""Invokes a function of Google's Cloud Functions, which is deployed when its backend is opened."""

from __future__ import annotations

from typing import Any

from greenlithops.backends.compute.gcp_functions.deployment import Functions
from greenlithops.backends.compute.gcp_functions.options import NAME, VCPUS, FunctionsOptions
from greenlithops.backends.compute.google_deployer import GoogleDeployer
from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.models import Limits, ServiceSize

MOST_REQUEST = 32 << 20  #: bytes of a request over HTTP/1, and of a reply


def gcp_functions(**options: Any) -> HostedBackend:
    """Return a backend for functions of Google's Cloud Functions (second generation).

    Args:
        options: see `FunctionsOptions`.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    found = FunctionsOptions.of(options)
    memory = found.runtime_memory
    return HostedBackend(
        NAME,
        GoogleDeployer(Functions(found), found),
        limits=Limits(
            payload_bytes=MOST_REQUEST,
            reply_bytes=MOST_REQUEST,
            concurrency=found.max_workers,
            seconds=found.runtime_timeout,
            processes=found.worker_processes,
            memory_bytes=memory << 20,
        ),
        size=ServiceSize(
            memory_mb=memory,
            vcpus=VCPUS[memory],
            tariff="cloud-run",
            provider="GCP",
            region=found.region,
        ),
        patience=found.patience,
    )
