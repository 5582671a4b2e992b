"""Invokes a function of Alibaba's Function Compute, deployed when the backend is opened."""

from __future__ import annotations

from typing import Any

from greenlithops.backends.compute.aliyun_fc.deployment import FunctionComputeDeployer
from greenlithops.backends.compute.aliyun_fc.options import FunctionComputeOptions
from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.models import Limits, ServiceSize

MOST_BODY = 32 << 20  #: bytes that an invocation takes


def aliyun_fc(**options: Any) -> HostedBackend:
    """Return a backend for a function of Function Compute 3.0.

    Args:
        options: see `FunctionComputeOptions`.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    found = FunctionComputeOptions.of(options)
    return HostedBackend(
        "aliyun_fc",
        FunctionComputeDeployer(found),
        limits=Limits(
            payload_bytes=MOST_BODY,
            reply_bytes=MOST_BODY,
            concurrency=found.concurrency,
            seconds=found.runtime_timeout,
            memory_bytes=found.runtime_memory << 20,
            processes=found.worker_processes,
        ),
        size=ServiceSize(
            memory_mb=found.runtime_memory / found.container_concurrency,
            vcpus=found.cpu() / found.container_concurrency,
            provider="Alibaba",
            region=found.region,
        ),
        patience=found.patience,
    )
