"""Invokes a function of Oracle Functions, which is deployed when the backend is opened."""

from __future__ import annotations

from typing import Any

from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.backends.compute.oracle_f.deployment import OracleDeployer
from greenlithops.backends.compute.oracle_f.options import OracleOptions
from greenlithops.models import Limits, ServiceSize

MOST_BODY = 6 << 20  #: bytes that an invocation takes


def oracle_f(**options: Any) -> HostedBackend:
    """Return a backend for a function of Oracle Functions.

    What calls cost follows from the time that they took, since the service does not say how long it
    bills an invocation; it is told where `vcpus` is given.

    Args:
        options: see `OracleOptions`.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    found = OracleOptions.of(options)
    size = None
    if found.vcpus is not None:
        size = ServiceSize(
            memory_mb=found.runtime_memory,
            vcpus=found.vcpus,
            architecture="arm64" if found.shape == "GENERIC_ARM" else "x86_64",
            provider="other",
            region=found.region,
            tariff="oracle-functions",
        )
    return HostedBackend(
        "oracle_f",
        OracleDeployer(found),
        limits=Limits(
            payload_bytes=MOST_BODY,
            reply_bytes=MOST_BODY,
            concurrency=found.concurrency,
            seconds=found.runtime_timeout,
            memory_bytes=found.runtime_memory << 20,
            processes=found.worker_processes,
        ),
        size=size,
        patience=found.patience,
    )
