"""What looks after shared memory when programs are killed: the standard library's own."""

from __future__ import annotations

from multiprocessing.resource_tracker import (
    ResourceTracker,
    ensure_running,
    getfd,
    register,
    unregister,
)

__all__ = ["ResourceTracker", "ensure_running", "getfd", "register", "unregister"]
