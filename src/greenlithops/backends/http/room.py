"""Memory for what is received straight into it, and given out without being copied again."""

from __future__ import annotations

import functools
import io
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

#: bytes from which on it matters how memory is had: most of the time that a large result takes is
#: else that of the kernel, which finds and clears it in pages of 4 KiB, and again for the next one
LARGE = 4 << 20
MADV_HUGEPAGE = 14  # madvise(2)
#: A little less than the largest block that moves glibc's thresholds when it is freed (mallopt(3)):
#: from then on it keeps up to 64 MiB of what was freed for what comes next, as it does in programs
#: with large arrays. It is never written to, so it costs nothing.
THRESHOLD_BLOCK = (32 << 20) - (64 << 10)


def room(size: int) -> io.BytesIO:
    """Return a file of so many bytes, which have to be written through its buffer.

    Its `getvalue` then gives these bytes themselves, as long as nothing else views them. What is
    not written is whatever the memory held before.
    """
    if size < LARGE:
        return io.BytesIO(bytes(size))
    memory = _memory()
    file = io.BytesIO(memory.empty(None, size))
    if memory.advise is not None:
        with file.getbuffer() as view:
            memory.advise(view)
    return file


class _Memory(NamedTuple):
    """How much memory is had.

    Attributes:
        empty: makes bytes that nothing has been written to yet.
        advise: asks the kernel for huge pages, as numpy does for its arrays; None: it cannot.
    """

    empty: Callable[[None, int], bytes]
    advise: Callable[[memoryview], None] | None


@functools.cache
def _memory() -> _Memory:
    import ctypes  # noqa: PLC0415 - most programs need none of it

    empty = ctypes.pythonapi.PyBytes_FromStringAndSize
    empty.argtypes = (ctypes.c_char_p, ctypes.c_ssize_t)
    empty.restype = ctypes.py_object
    if sys.platform != "linux":
        return _Memory(empty, None)
    bytes(THRESHOLD_BLOCK)
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    import mmap  # noqa: PLC0415 - as above

    def advise(view: memoryview) -> None:
        first = ctypes.c_char.from_buffer(view)
        address = ctypes.addressof(first)
        start = -address % mmap.PAGESIZE
        # Without huge pages it is slower, and as good: what the kernel says does not matter.
        madvise(address + start, (len(view) - start) & -mmap.PAGESIZE, MADV_HUGEPAGE)
        del first

    return _Memory(empty, advise)
