"""The worker as a handler of AWS Lambda, invoked directly or by a function URL.

An invocation is JSON: ``{"greenlithops": message}`` with the message in base64, or
``{"from": URL}`` where it is too large for an event; ``"to"`` says where a reply may be put that
is too large. The URLs are presigned, so the function needs no rights and no SDK for that. With
``"accepted": true`` nobody waits: the reply is put where the message says, whatever it is.
``{"describe": true}`` asks what the runtime is like.
"""

from __future__ import annotations

import sys
from binascii import a2b_base64, b2a_base64

from greenlithops.errors import ProtocolError
from greenlithops.worker import transfer
from greenlithops.worker.capture import Routed
from greenlithops.worker.service import Service, key_of_environment

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

MESSAGE, FROM, TO = "greenlithops", "from", "to"
REFUSED, TOO_LARGE, DESCRIBE, ACCEPTED = "refused", "too_large", "describe", "accepted"
MOST_REPLY = 6 << 20  #: bytes of a reply as JSON that Lambda returns

_service: Service | None = None


def handler(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001 - as Lambda calls it
    """Answer one event."""
    http = "requestContext" in event
    try:
        if http:
            return _by_url(event)
        if event.get(DESCRIBE):
            return description()
        return answered(event, MOST_REPLY)
    except ProtocolError as error:
        if event.get(ACCEPTED):  # whoever waits shall not wait in vain
            transfer.put(event[TO], str(error).encode())
        if http:
            return {"statusCode": 400, "body": f"{error}\n"}
        return {REFUSED: str(error)}


def answered(event: Any, most: int) -> dict[str, Any]:
    """Return the answer to an event.

    Args:
        event: with a message, or with where it is.
        most: bytes of an answer as JSON that are taken.

    Raises:
        ProtocolError: it is none of ours.
    """
    if FROM in event:
        message = transfer.get(event[FROM])
    elif MESSAGE in event:
        message = a2b_base64(event[MESSAGE])
    else:
        raise ProtocolError("the event is no invocation of greenlithops")
    service = _running()
    if event.get(ACCEPTED):
        request = service.read(message)
        if isinstance(request, bytes):
            transfer.put(event[TO], request)
        else:
            service.deliver(request, event[TO])
        return {ACCEPTED: True}
    reply = service.answer(message)
    if len(reply) * 4 // 3 + 100 <= most:
        return {MESSAGE: b2a_base64(reply, newline=False).decode()}
    if TO not in event:
        return {TOO_LARGE: len(reply)}
    transfer.put(event[TO], reply)
    return {TO: len(reply)}


def _by_url(event: Any) -> dict[str, Any]:
    """Answer a request that came by a function URL, as `greenlithops.worker.application` would."""
    method = event["requestContext"].get("http", {}).get("method", "POST")
    if method != "POST":
        return {"statusCode": 405, "body": "invocations are POST requests\n"}
    body = event.get("body") or ""
    message = a2b_base64(body) if event.get("isBase64Encoded") else body.encode()
    service = _running()
    if event.get("headers", {}).get("prefer") == "respond-async":  # which it may do or not
        message, _ = service.addressed(message)
    reply = service.answer(message)
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/octet-stream"},
        "isBase64Encoded": True,
        "body": b2a_base64(reply, newline=False).decode(),
    }


def _running() -> Service:
    global _service  # noqa: PLW0603 - an environment of Lambda has one, and calls the handler alone
    if _service is None:
        sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
        _service = Service(key_of_environment())
    return _service


def description() -> dict[str, Any]:
    """Return what the runtime is like: Python, the machine, and the packages that are there."""
    import platform  # noqa: PLC0415 - once for each deployment
    from importlib.metadata import distributions  # noqa: PLC0415

    packages = {str(one.metadata["Name"]): str(one.version) for one in distributions()}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": dict(sorted(packages.items())),
    }
