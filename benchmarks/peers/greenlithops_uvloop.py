"""greenlithops' asynchronous face in a host application that runs on uvloop."""

from __future__ import annotations

import uvloop

from peers.greenlithops_async import DISTRIBUTION, open_session

__all__ = ["DISTRIBUTION", "open_session", "run"]

run = uvloop.run
