"""The worker as a function of Oracle's, in Oracle's own function development kit for Python.

``fdk /function/func.py handler`` with a ``func.py`` that says ``from
greenlithops.worker.fdk_function import handler``; the deployment's key is in the function's
configuration, ``GREENLITHOPS_KEY``.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from greenlithops.errors import ProtocolError
from greenlithops.worker.capture import Routed
from greenlithops.worker.service import Service, key_of_environment

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

REPLY, REFUSAL = "application/octet-stream", "text/plain"  #: content types, which tell them apart
_service: Service | None = None
_thread = ThreadPoolExecutor(1, "greenlithops-call")  # the kit's own runs its event loop


async def handler(context: Any, data: Any) -> bytes:
    """Answer one invocation."""
    global _service  # noqa: PLW0603 - a container has one, and calls the handler alone
    if _service is None:
        sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
        _service = Service(key_of_environment())
    loop = asyncio.get_running_loop()
    try:
        reply = await loop.run_in_executor(_thread, _service.answer, data.getvalue())
    except ProtocolError as error:
        context.SetResponseHeaders({"Content-Type": REFUSAL}, 200)
        return str(error).encode()
    context.SetResponseHeaders({"Content-Type": REPLY}, 200)
    return reply
