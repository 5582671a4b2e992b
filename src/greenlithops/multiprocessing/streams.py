"""One direction of a pipe: messages in order, and an end when nobody can write any more."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any

from greenlithops.backends.state.steps import Run, Steps
from greenlithops.errors import StateLost
from greenlithops.multiprocessing import streams_lua as lua
from greenlithops.multiprocessing.shared import waiting

if TYPE_CHECKING:
    from greenlithops.multiprocessing.session import Session

WRITE, READ = "w", "r"


class Stream:
    """One end, ``"w"`` or ``"r"``, of one direction, open in this process.

    Args:
        session: where it is.
        key: its name there.
        side: which end.
        travelled: the token with which it came from another process, or ``""``.
    """

    def __init__(self, session: Session, key: str, side: str, travelled: str = "") -> None:
        self.session = session
        self.key = key
        self.side = side
        self._travelled = travelled
        self._sent_off: list[str] = []
        self._opened = False
        if not travelled or not _on_a_loop():
            session.run(self.open())

    def open(self) -> Steps[None]:
        """Say that this process has the end; at once, or on an event loop with the first use."""
        if self._opened:
            return
        reply = yield Run(lua.OPEN, (self.key,), (self.side, self._travelled))
        if reply < 0:
            raise StateLost(f"the pipe {self.key} is not on the state server any more")
        self._opened = True

    def send_off(self) -> tuple[str, str, str]:
        """Return what another process needs to open this end.

        This end is open until then; if it is closed before, the server is told that the other
        one is on its way.
        """
        token = secrets.token_hex(8)
        self._sent_off.append(token)
        return self.key, self.side, token

    def close(self) -> Steps[None]:
        """Give up this end."""
        yield from self.open()
        yield Run(lua.CLOSE, (self.key,), (self.side, *self._sent_off))

    def send(self, message: bytes) -> Steps[None]:
        """Send a message."""
        yield from self.open()
        signed = self.session.sign(self.key, message)
        if (yield Run(lua.SEND, (self.key,), (signed,))) < 0:
            raise BrokenPipeError(32, "Broken pipe: nobody can receive")

    def receive(self) -> Steps[bytes]:
        """Return the next message; wait for it."""
        yield from self.open()
        attempt = Run(lua.RECEIVE, (self.key,))
        give_up = Run(lua.RECEIVE_GIVE_UP, (self.key,))
        place = f"{self.key}:w"
        reply = yield from waiting(self.session, attempt, give_up, None, time.monotonic, place)
        if not reply[1]:
            raise EOFError("nobody can send any more")
        return self.session.verify(self.key, reply[1])

    def ready(self, seconds: float | None) -> Steps[bool]:
        """Return whether there is a message, or an end, within so many seconds."""
        yield from self.open()
        stay = seconds is None or seconds > 0
        attempt = Run(lua.WATCH, (self.key,), (int(stay),))
        if not stay:
            return bool((yield attempt)[0])
        leave = Run(lua.UNWATCH, (self.key,))
        place = f"{self.key}:x"
        reply = yield from waiting(self.session, attempt, leave, seconds, time.monotonic, place)
        return reply is not None


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def one(step: Any) -> Steps[Any]:
    """Return an operation of one step."""
    return (yield step)
