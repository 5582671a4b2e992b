"""What Oracle's answers to invocations mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.errors import CallTimeout, OutOfMemory, ServiceRefused
from greenlithops.models import Reply
from greenlithops.worker.fdk_function import REFUSAL

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT = "FunctionInvokeExecutionTimeout"
#: nothing was run, nor will be
_NOT_STARTED = re.compile(
    "FunctionInvoke(ContainerInitFail|ImageNotAvailable|ImageNotFound|SubnetNotAvailable)"
)
_MEMORY = re.compile("OutOfMemory|out of memory", re.IGNORECASE)


def read(headers: Mapping[str, str], body: bytes, name: str) -> Reply:
    """Return the reply in an answer with status 200.

    Args:
        headers: of the answer.
        body: its content.
        name: the function's.

    Raises:
        ServiceRefused: the function has refused the message.
    """
    if headers.get("Content-Type", "").startswith(REFUSAL):
        said = body[:2000].decode("utf-8", "replace")
        raise ServiceRefused(f"the function {name} refused: {said}")
    return Reply(body)


def meaning(status: int, headers: Mapping[str, Any], text: str) -> Exception:
    """Return what another status means for the calls of an invocation."""
    if _TIMEOUT in text:
        return CallTimeout(f"{text}; give more runtime_timeout, or fewer calls at a time")
    if _NOT_STARTED.search(text):
        return ServiceRefused(text)
    if _MEMORY.search(text):
        return OutOfMemory(f"{text}; give more runtime_memory")
    return refusal(status, headers, text)
