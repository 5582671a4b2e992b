"""Invocations that have no reply yet, whichever way they travel."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.errors import (
    CallTimeout,
    GreenlithopsError,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True, eq=False)
class Pending:
    """An invocation that has no reply yet.

    Attributes:
        number: by which its reply names it.
        body: the message.
        reply: gets the reply.
        role: of the Job whose stream it is in; None for the pool's.
        entry: where it is in the stream.
        lost: how many pods were lost with it.
        grown: how often it was given more memory.
        pod: which one has answered.
        energy: what that says of its calls' energy.
    """

    number: int
    body: bytes
    reply: asyncio.Future[bytes]
    role: str | None = None
    entry: bytes = b""
    lost: int = 0
    grown: int = 0
    pod: str = ""
    energy: Any = None


class Book:
    """The invocations of one client.

    Args:
        on_end: called when one has ended, however it did.
    """

    def __init__(self, on_end: Callable[[Pending], None]) -> None:
        self.pending: dict[int, Pending] = {}
        #: asked about an invocation that ran out of memory: whether it is run again
        self.grow: Callable[[Pending], bool] = lambda _: False
        self._on_end = on_end
        self._numbers = itertools.count()

    def make(self, body: bytes) -> Pending:
        """Return a new invocation, which is not sent yet."""
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        pending = Pending(next(self._numbers), body, reply)
        self.pending[pending.number] = pending
        return pending

    def drop(self, pending: Pending) -> bool:
        """Forget an invocation; return whether it had not ended before."""
        if self.pending.pop(pending.number, None) is None:
            return False
        pending.reply.cancel()
        self._on_end(pending)
        return True

    def settle(self, pending: Pending, outcome: bytes | GreenlithopsError) -> None:
        """Say how an invocation ended."""
        if self.pending.pop(pending.number, None) is None:
            return
        if not pending.reply.done():
            if isinstance(outcome, GreenlithopsError):
                pending.reply.set_exception(outcome)
            else:
                pending.reply.set_result(outcome)
        self._on_end(pending)

    def heard(self, pending: Pending, status: str, body: bytes, more: dict[str, Any]) -> None:
        """Take note of a pod's reply."""
        pending.pod, pending.energy = more["worker"], more.get("energy")
        outcome = read(status, body, more)
        if not (isinstance(outcome, OutOfMemory) and self.grow(pending)):
            self.settle(pending, outcome)


def read(status: str, body: bytes, more: dict[str, Any]) -> bytes | GreenlithopsError:
    """Return a reply's message, or the error that it stands for."""
    if status == "ok":
        return body
    text = body.decode("utf-8", "replace")
    pod, end = more["worker"], {"exit_code": more.get("exit_code"), "signal": more.get("signal")}
    if status == "memory":
        return OutOfMemory(
            f"{text}, killed for want of memory in the pod {pod}; give more memory", **end
        )
    if status == "late":
        return CallTimeout(f"the call ran longer than runtime_timeout, {more['seconds']:g} s")
    if status == "large":
        return PayloadTooLarge(f"the results take {text} bytes; put them into storage")
    if status == "refused":
        return ServiceRefused(f"the pod {pod} refused the call: {text}")
    return WorkerLost(f"{text} (pod {pod})", **end)
