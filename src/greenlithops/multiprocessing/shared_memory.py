"""Shared memory, for workers on one machine: the standard library's own."""

from __future__ import annotations

from multiprocessing.shared_memory import ShareableList, SharedMemory

__all__ = ["ShareableList", "SharedMemory"]
