"""Opens lanes: starts a worker of a backend and tells it what every worker must know."""

from __future__ import annotations

import itertools
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.lane import Lane, Owner
from greenlithops.dispatch.serialize import ClassBook, pack_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenlithops.models import WorkerOptions
    from greenlithops.protocols import SupportsWorkers


def open_lanes(
    backend: SupportsWorkers,
    prefix: str,
    options: WorkerOptions,
    initializer: tuple[Callable[..., object], tuple[Any, ...]] | None,
) -> Callable[[str, Owner], Lane]:
    """Return what opens a lane to one more worker of `backend`."""
    image = None
    book = ClassBook()
    numbers = itertools.count(1)
    if initializer is not None:
        function, arguments = initializer
        image = pack_function(partial(function, *arguments), book)

    def open_lane(name: str, owner: Owner) -> Lane:
        lane = Lane(f"{prefix}-{name}", owner)
        handle = backend.start_worker(lane.on_exit)
        hello = {
            "path": list(sys.path),
            "argv": list(sys.argv),
            "number": next(numbers),
            "log_bytes": options.log_bytes,
            "concurrency": options.concurrency,
            "max_memory": options.max_memory,
            "initializer": None if image is None else (image.stream, _copies(image.buffers)),
            "classes": [
                (digest, stream, _copies(buffers))
                for digest, (stream, buffers) in book.definitions.items()
            ],
            "client": os.getpid(),
            "as_lithops": "greenlithops.as_lithops" in sys.modules,
        }
        lane.attach(handle, hello)
        return lane

    return open_lane


def _copies(buffers: Iterable[memoryview]) -> list[bytes | bytearray]:
    """Return raw buffers as the greeting carries them: what could be written to still can be."""
    return [bytes(raw) if raw.readonly else bytearray(raw) for raw in buffers]
