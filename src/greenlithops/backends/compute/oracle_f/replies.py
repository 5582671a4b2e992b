"""What Oracle's answers to invocations mean."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.http.backend import refusal
from greenlithops.errors import CallTimeout, OutOfMemory, ServiceRefused
from greenlithops.models import Reply
from greenlithops.worker.fdk_function import REFUSAL

if TYPE_CHECKING:
    from greenlithops.backends.compute.services import Answer

_TIMEOUT = "FunctionInvokeExecutionTimeout"
#: nothing was run, nor will be
_NOT_STARTED = {
    "FunctionInvokeContainerInitFail",
    "FunctionInvokeImageNotAvailable",
    "FunctionInvokeImageNotFound",
    "FunctionInvokeSubnetNotAvailable",
}


def read(answer: Answer, name: str) -> Reply:
    """Return the reply in an answer.

    Args:
        answer: what the service answered.
        name: the function's.

    Raises:
        CallError: there is none; which, says why.
    """
    if answer.status == 200:  # noqa: PLR2004 - HTTP's OK
        if answer.headers.get("Content-Type", "").startswith(REFUSAL):
            raise ServiceRefused(f"the function {name} refused: {answer.text()}")
        return Reply(answer.body)
    try:
        content: Any = json.loads(answer.body)
    except ValueError:
        content = None
    content = content if isinstance(content, dict) else {}
    code, message = str(content.get("code") or ""), str(content.get("message") or answer.text())
    said = f"the function {name}: {code}: {message}"
    if code == _TIMEOUT:
        raise CallTimeout(f"{said}; give more runtime_timeout, or fewer calls at a time")
    if code in _NOT_STARTED:
        raise ServiceRefused(said)
    if "OutOfMemory" in code or "out of memory" in message.lower():
        raise OutOfMemory(f"{said}; give more runtime_memory")
    raise refusal(answer.status, answer.headers, said)
