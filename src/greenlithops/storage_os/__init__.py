"""``open`` and the functions of ``os``, over objects of the configured storage.

``from greenlithops.storage_os import open, os`` makes a program that works with files work with
objects; or ``storage_os.open(…)``, ``storage_os.listdir(…)``, ``storage_os.path.isfile(…)``. For
another storage than the configured one, take ``CloudFileProxy(CloudStorage(config))``.
"""

from __future__ import annotations

import os as _base
from typing import Any

from greenlithops.storage_os.cloud import CloudStorage
from greenlithops.storage_os.proxy import CloudFileProxy

__all__ = ["CloudFileProxy", "CloudStorage", "open", "os", "path"]

_systems: dict[int, CloudFileProxy] = {}


def __getattr__(name: str) -> Any:
    """Give what the configured storage's ``os`` has; it is made when it is first asked for."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    pid = _base.getpid()  # a forked process needs one of its own
    if pid not in _systems:
        _systems[pid] = CloudFileProxy()
    system = _systems[pid]
    return system if name == "os" else getattr(system, name)
