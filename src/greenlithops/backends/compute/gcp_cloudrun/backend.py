"""Invokes a service on Google's Cloud Run, which is deployed when its backend is opened."""

from __future__ import annotations

from typing import Any

from greenlithops.backends.compute.gcp_cloudrun.deployment import Services
from greenlithops.backends.compute.gcp_cloudrun.options import NAME, CloudRunOptions
from greenlithops.backends.compute.gcp_functions.backend import MOST_REQUEST
from greenlithops.backends.compute.google_deployer import GoogleDeployer
from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.models import Limits, ServiceSize


def gcp_cloudrun(**options: Any) -> HostedBackend:
    """Return a backend for services on Google's Cloud Run.

    Args:
        options: see `CloudRunOptions`.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    found = CloudRunOptions.of(options)
    return HostedBackend(
        NAME,
        GoogleDeployer(Services(found), found),
        limits=Limits(
            payload_bytes=MOST_REQUEST,
            reply_bytes=MOST_REQUEST,
            concurrency=found.max_workers,
            seconds=found.runtime_timeout,
            processes=found.worker_processes,
            memory_bytes=found.runtime_memory << 20,
        ),
        size=ServiceSize(
            memory_mb=found.runtime_memory,
            vcpus=found.runtime_cpu,
            tariff="cloud-run",
            provider="GCP",
            region=found.region,
        ),
        patience=found.patience,
    )
