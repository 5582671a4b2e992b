"""The worker as an HTTP function of Google's functions-framework, which Cloud Functions runs.

``functions-framework --target answer`` with a ``main.py`` that says
``from greenlithops.worker.http_function import answer``, and the deployment's key in the
environment variable ``GREENLITHOPS_KEY``.
"""

from __future__ import annotations

import sys
import threading

from greenlithops.errors import ProtocolError
from greenlithops.worker.capture import Routed
from greenlithops.worker.service import Service, key_of_environment

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Answer = tuple[bytes | str, int, dict[str, str]]

_TEXT = {"content-type": "text/plain"}
_lock = threading.Lock()
_service: Service | None = None


def answer(request: Any) -> Answer:
    """Answer a request of Flask's, as `greenlithops.worker.application` does."""
    return respond(request.method, request.headers, request.get_data())


def respond(method: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Return the body, the status and the headers of a response."""
    if method == "GET":
        python = ".".join(map(str, sys.version_info[:2]))
        return f"greenlithops worker, Python {python}\n", 200, _TEXT
    if method != "POST":
        return "invocations are POST requests\n", 405, _TEXT
    try:
        service = _running()
        if headers.get("Prefer") == "respond-async":  # which it may do or not
            body, _ = service.addressed(body)
        reply = service.answer(body)
    except ProtocolError as error:
        return f"{error}\n", 400, _TEXT
    return reply, 200, {"content-type": "application/octet-stream"}


def _running() -> Service:
    global _service  # noqa: PLW0603 - one for the process, made by its first request
    with _lock:
        if _service is None:
            sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
            _service = Service(key_of_environment())
        return _service
