"""The functions that programs import from `lithops.worker.utils`."""

from __future__ import annotations

import os
import pkgutil
import socket
import sys
from typing import Any

import psutil

from greenlithops.as_lithops.constants import __version__
from greenlithops.as_lithops.utils import CURRENT_PY_VERSION, sizeof_fmt
from greenlithops.worker.calls import memory_now


def get_memory_usage(formatted: bool = True) -> str | int:
    """Return the memory that this process has resident now: bytes, or a text."""
    used = int(psutil.Process().memory_info().rss)
    return sizeof_fmt(used) if formatted else used


def peak_memory() -> int | None:
    """Return the most memory that this process has had resident, in bytes."""
    return memory_now()[0] or None


def free_disk_space(dirname: str) -> int:
    """Return the bytes that are free where a folder is."""
    return int(psutil.disk_usage(dirname).free)


def get_server_info() -> dict[str, str]:
    """Return what machine this is."""
    addresses = [
        address.address
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    speed = max((one.speed for one in psutil.net_if_stats().values()), default=0)
    return {
        "container_name": os.uname().nodename,
        "ip_address": " ".join(addresses),
        "net_speed": f"{speed / 1000:g}GbE",
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / (1 << 30):.2f}GB",
    }


def get_runtime_metadata() -> dict[str, Any]:
    """Return which modules can be imported, and of which Python."""
    return {
        "preinstalls": sorted([module.name, module.ispkg] for module in pkgutil.iter_modules()),
        "python_version": CURRENT_PY_VERSION,
        "lithops_version": __version__,
        "executable": sys.executable,
    }
