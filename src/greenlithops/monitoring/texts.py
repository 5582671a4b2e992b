"""Messages as text, for queues that take nothing else, and nothing empty."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def as_text(message: bytes) -> str:
    """Return a message as text of a third more bytes, and one."""
    return "=" + base64.b64encode(message).decode()


def of_text(text: str) -> bytes:
    """Return the message that a text stands for."""
    return base64.b64decode(text[1:])


def batches(texts: Sequence[str], most: int, most_bytes: int) -> list[list[str]]:
    """Return texts in groups that a request takes.

    Args:
        texts: in ASCII.
        most: texts of a group.
        most_bytes: bytes of a group's texts; a longer text is alone.
    """
    groups: list[list[str]] = []
    size = 0
    for text in texts:
        if not groups or len(groups[-1]) == most or size + len(text) > most_bytes:
            groups.append([])
            size = 0
        groups[-1].append(text)
        size += len(text)
    return groups
