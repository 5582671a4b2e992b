"""Memory for what is received straight into it, and given out without being copied again."""

from __future__ import annotations

import functools
import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

#: bytes from which on it is asked for in huge pages, as numpy does for its arrays: most of the
#: time that a large result takes is else that of the kernel, which finds and clears 4 KiB a time
HUGE = 4 << 20
MADV_HUGEPAGE = 14  # madvise(2)


def room(size: int) -> io.BytesIO:
    """Return a file of so many bytes, to be written through its buffer.

    Its `getvalue` then gives these bytes themselves, as long as nothing else views them.
    """
    file = io.BytesIO(bytes(size))
    if size >= HUGE and (advise := _advice()) is not None:
        with file.getbuffer() as view:
            advise(view)
    return file


@functools.cache
def _advice() -> Callable[[memoryview], None] | None:
    """Return what asks the kernel for huge pages; None where there is no such advice."""
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - most programs need none of it
    import mmap  # noqa: PLC0415 - as above

    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def advise(view: memoryview) -> None:
        first: ctypes.c_char = ctypes.c_char.from_buffer(view)
        address = ctypes.addressof(first)
        start = -address % mmap.PAGESIZE
        # Without huge pages it is slower, and as good: what the kernel says does not matter.
        madvise(address + start, (len(view) - start) & -mmap.PAGESIZE, MADV_HUGEPAGE)
        del first

    return advise
