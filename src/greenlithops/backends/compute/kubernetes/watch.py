"""Watches objects of the cluster: tells each change once, through expired versions and outages."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import aiohttp

from greenlithops.backends.compute.kubernetes.failures import Gone
from greenlithops.errors import ServiceRefused, ServiceUnavailable, Throttled

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.backends.compute.kubernetes.api import Api
    from greenlithops.backends.compute.kubernetes.naming import Manifest

WATCH_SECONDS = 300  #: after which the server is asked to end a watch, so that none goes stale
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

_log = logging.getLogger(__name__)


class Watch:
    """What there is of some objects, and what changes.

    Args:
        api: the server.
        place: the path of the objects.
        selector: query parameters that select them.
        tell: called with ``ADDED``, ``MODIFIED`` or ``DELETED``, and the object.
        old: whether to tell of what was there before.
    """

    def __init__(
        self,
        api: Api,
        place: str,
        selector: dict[str, str],
        tell: Callable[[str, Manifest], None],
        *,
        old: bool = True,
    ) -> None:
        self.known: dict[str, Manifest] = {}  #: what is there, by UID
        self.relisted = 0  #: how often everything was listed
        self._api = api
        self._place = place
        self._selector = selector
        self._tell = tell
        self._old = old
        self._version = ""

    async def begin(self) -> None:
        """List what there is; from then on nothing is missed.

        Raises:
            ServiceError: the server refuses.
        """
        query = list(self._selector.items())
        if not self._old:
            query.append(("limit", "1"))  # only the version is wanted
        found = await self._api.list(self._place, query)
        self._version = found["metadata"]["resourceVersion"]
        self.relisted += 1
        if not self._old:
            return
        there = {one["metadata"]["uid"]: one for one in found.get("items", ())}
        for uid in [uid for uid in self.known if uid not in there]:
            self._tell("DELETED", self.known.pop(uid))
        for uid, one in there.items():
            before = self.known.get(uid)
            self.known[uid] = one
            if before is None:
                self._tell("ADDED", one)
            elif before["metadata"]["resourceVersion"] != one["metadata"]["resourceVersion"]:
                self._tell("MODIFIED", one)

    async def run(self) -> None:
        """Tell of changes for ever; begin anew where the server has forgotten."""
        pause = FIRST_PAUSE
        while True:
            try:
                if not self._version:
                    await self.begin()
                await self._follow()
                pause = FIRST_PAUSE
            except Gone:
                _log.debug("the server has forgotten what was heard last of %s", self._place)
                self._version = ""
            except ServiceRefused:
                raise
            except (
                ServiceUnavailable,
                Throttled,
                aiohttp.ClientError,
                TimeoutError,
                OSError,
            ) as error:
                _log.debug("the watch of %s is interrupted: %r", self._place, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _follow(self) -> None:
        query = [
            *self._selector.items(),
            ("watch", "1"),
            ("resourceVersion", self._version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(WATCH_SECONDS)),
        ]
        async for line in self._api.lines(self._place, query):
            if line.strip():
                self._heard(json.loads(line))

    def _heard(self, event: dict[str, Any]) -> None:
        kind, one = event["type"], event["object"]
        if kind == "ERROR":
            if one.get("code") == 410:  # noqa: PLR2004 - gone
                raise Gone(one.get("message"))
            raise ServiceUnavailable(f"the watch of {self._place} failed: {one.get('message')}")
        self._version = one["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return
        uid = one["metadata"]["uid"]
        if kind == "DELETED":
            self.known.pop(uid, None)
        elif self._old:
            self.known[uid] = one
        self._tell(kind, one)
