"""The worker as an event function of Alibaba's Function Compute: bytes each way.

``handler`` in the function's ``index.py``; the deployment's key is in the environment variable
``GREENLITHOPS_KEY``.
"""

from __future__ import annotations

import sys

from greenlithops.worker.capture import Routed
from greenlithops.worker.service import Service, key_of_environment

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

_service: Service | None = None


def handler(event: bytes, context: Any) -> bytes:  # noqa: ARG001 - as the service calls it
    """Answer one invocation.

    Raises:
        ProtocolError: it is none of ours.
    """
    global _service  # noqa: PLW0603 - an instance has one, and calls the handler alone
    if _service is None:
        sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
        _service = Service(key_of_environment())
    return _service.answer(event)
