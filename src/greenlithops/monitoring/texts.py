"""Messages as text, for queues that take nothing else, and nothing empty."""

from __future__ import annotations

import base64


def as_text(message: bytes) -> str:
    """Return a message as text of a third more bytes, and one."""
    return "=" + base64.b64encode(message).decode()


def of_text(text: str) -> bytes:
    """Return the message that a text stands for."""
    return base64.b64decode(text[1:])
